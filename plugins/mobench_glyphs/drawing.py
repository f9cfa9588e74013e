"""Draws the characters of typefaces: `python -m mobench_glyphs.drawing FONTS OUT [PILLOW]`.

FONTS:  folder with font files.
OUT:    folder for glyphs-images-idx3-ubyte and glyphs-labels.csv.
PILLOW: folder with the Python package Pillow that is to be used.
"""

from __future__ import annotations

import csv
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

KINDS = {
    "sans": (
        "Inter", "Lato", "Open Sans", "Open Sans Condensed", "Roboto", "Roboto Condensed", "DejaVu Sans",
        "Nimbus Sans", "Nimbus Sans Narrow", "URW Gothic", "Liberation Sans", "Liberation Sans Narrow",
        "Linux Biolinum O",
    ),
    "serif": (
        "C059", "Nimbus Roman", "P052", "URW Bookman", "DejaVu Serif", "Liberation Serif", "Linux Libertine O",
        "Linux Libertine Display O", "EB Garamond",
    ),
    "mono": ("Fira Code", "Nimbus Mono PS", "DejaVu Sans Mono", "Liberation Mono", "Linux Libertine Mono O"),
}  # fmt: skip
"""Kind -> its families. Other families of the packages are not drawn."""
CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
SIDE, POINTS, BASELINE = 32, 24, 24
"""Side of an image, size of the characters, and the row of the baseline, in pixels."""
COLUMNS = ("char", "class", "weight", "italic", "family", "style")
WINDOWS, ENGLISH = 3, 0x409
"""Platform and language of the names that are read."""
FAMILY, STYLE, TYPOGRAPHIC_FAMILY, TYPOGRAPHIC_STYLE = 1, 2, 16, 17
"""Identifiers in the table of names; the typographic ones are preferred, where a font has them."""


@dataclass(frozen=True, order=True)
class Face:
    """A typeface, as the tables of its font file state it; weight from 100 to 900."""

    family: str
    weight: int
    is_italic: bool
    style: str


def face_of(font: bytes) -> Face:
    """Return the typeface of a TrueType or OpenType font file.

    Source: the OpenType specification, tables "name", "OS/2" and "post".
    """
    tables = {}
    (n_tables,) = struct.unpack(">H", font[4:6])
    for i in range(n_tables):
        tag, _, start, size = struct.unpack(">4sIII", font[12 + 16 * i : 28 + 16 * i])
        tables[tag] = font[start : start + size]
    names = _names(tables[b"name"])
    style = names.get(TYPOGRAPHIC_STYLE, names[STYLE])
    (angle,) = struct.unpack(">i", tables[b"post"][4:8])
    (weight,) = struct.unpack(">H", tables[b"OS/2"][4:6])
    is_italic = angle != 0 or "Italic" in style or "Oblique" in style
    return Face(names.get(TYPOGRAPHIC_FAMILY, names[FAMILY]), weight, is_italic, style)


def _names(table: bytes) -> dict[int, str]:
    count, texts = struct.unpack(">HH", table[2:6])
    names = {}
    for i in range(count):
        platform, _, language, key, size, start = struct.unpack(">6H", table[6 + 12 * i : 18 + 12 * i])
        if platform == WINDOWS and language == ENGLISH:
            names[key] = table[texts + start : texts + start + size].decode("utf-16-be")
    return names


def faces(fonts: Path) -> dict[Face, Path]:
    """Return the typefaces of the known families below a folder, in order, with the first of their files."""
    drawn_families = {family for families in KINDS.values() for family in families}
    paths: dict[Face, Path] = {}
    for path in sorted(fonts.rglob("*.?tf"), key=str):
        face = face_of(path.read_bytes())
        if face.family in drawn_families:
            paths.setdefault(face, path)
    return dict(sorted(paths.items()))


def drawn(font: Path) -> Iterator[bytes]:
    """Yield the pixels of each character: white on black, centred, in one size for all characters."""
    from PIL import Image, ImageDraw, ImageFont

    face = ImageFont.truetype(str(font), POINTS, layout_engine=ImageFont.Layout.BASIC)
    for character in CHARACTERS:
        image = Image.new("L", (SIDE, SIDE))
        ImageDraw.Draw(image).text((SIDE // 2, BASELINE), character, fill=255, font=face, anchor="ms")
        yield image.tobytes()


def draw(fonts: Path, folder: Path) -> None:
    """Write the images and labels of all characters of the known typefaces below the folder `fonts`."""
    kind_of = {family: kind for kind, families in KINDS.items() for family in families}
    paths = faces(fonts)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "glyphs-images-idx3-ubyte").open("wb") as images,
        (folder / "glyphs-labels.csv").open("w", newline="", encoding="utf-8") as labels,
    ):
        images.write(struct.pack(">4I", 0x803, len(paths) * len(CHARACTERS), SIDE, SIDE))
        rows = csv.writer(labels, lineterminator="\n")
        rows.writerow(COLUMNS)
        for face, path in paths.items():
            images.writelines(drawn(path))
            about = (kind_of[face.family], face.weight, int(face.is_italic), face.family, face.style)
            rows.writerows((character, *about) for character in CHARACTERS)


if __name__ == "__main__":
    sys.path[:0] = sys.argv[3:]
    draw(Path(sys.argv[1]), Path(sys.argv[2]))
