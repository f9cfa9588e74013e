"""Dataset `essen`: folk tunes in ABC notation, and what their headers state."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mobench.errors import DataError
from mobench_regression.sources import download_wheel
from mobench_regression.table import read_csv
from mobench_tagged_texts.dataset import TaggedTexts, TextTable, class_numbers, group_numbers

MUSIC21 = "music21==10.5.1"
CORPUS = "music21/corpus/essenFolksong/"
MAX_FILE_BYTES = 2**24
HEADER = ("file", "number", "meter", "key", "unit", "origin", "genre", "notes")
FIELDS = "MKLOR"
"""Fields of a tune's header: metre, key, unit of note lengths, origin and genre."""
FIELD = re.compile(r"([A-Za-z]):\s*(.*)$")
METERS = ("2/4", "4/4", "3/4", "6/8", "3/8", "4/2")
KEYS = ("G", "F", "C", "D", "A", "Bb", "Eb", "E")
REGIONS = ("Europa", "China", "Mitteleuropa", "Luxemburg", "Lothringen", "other")
UNITS = ("1/16", "1/8", "1/4", "1/32", "1/2")


@dataclass(frozen=True)
class Essen(TaggedTexts):
    """7,686 folk tunes as lines of letters; metre, key, region and unit of note lengths are to be recognised.

    Tunes of the six most frequent metres and eight most frequent keys are used. Bar lines are left out, since they
    tell the metre. Symbols are the characters of the notation; 1- to 3-grams of them are counted. Tunes with the same
    notes are in the same split.
    """

    classes = {"meter": METERS, "key": KEYS, "region": REGIONS, "unit": UNITS}  # noqa: RUF012
    collection = "essen"
    longest = 3
    entropies = (1.56, 1.766, 1.314, 0.975)
    references = (2.5, 2.8, 2.1, 1.6)

    def symbols(self, text: str) -> Sequence[str]:
        return text

    def read(self, path: Path) -> TextTable:
        try:
            rows = [row for row in read_csv(path) if row["meter"] in METERS and row["key"] in KEYS]
            regions = [row["origin"].partition(",")[0].strip() for row in rows]
            labels = {
                "meter": class_numbers([row["meter"] for row in rows], METERS),
                "key": class_numbers([row["key"] for row in rows], KEYS),
                "region": class_numbers([name if name in REGIONS else "other" for name in regions], REGIONS),
                "unit": class_numbers([row["unit"] for row in rows], UNITS),
            }
            notes = ["".join(row["notes"].replace("|", " ").split()) for row in rows]
        except KeyError as error:
            raise DataError(f"{path.name} has no tunes of the expected kind: {error}: fetch it again") from error
        return TextTable(notes, labels, group_numbers(notes))


def essen_from_packages(folder: Path) -> None:
    """Write the tunes of the Python package music21 10.5.1."""
    wheel = download_wheel(MUSIC21, folder)
    path = folder / "essen" / "essen.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(wheel) as archive, path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for name in sorted(n for n in archive.namelist() if n.startswith(CORPUS) and n.endswith(".abc")):
            short = name.removeprefix(CORPUS).removesuffix(".abc")
            if not short.startswith("test") and archive.getinfo(name).file_size <= MAX_FILE_BYTES:
                text = archive.read(name).decode("latin-1").replace("\r", "")
                writer.writerows([short, *row] for row in tunes_of(text))


def tunes_of(text: str) -> Iterator[list[str]]:
    """Yield number, metre, key, unit, origin, genre and notes of each tune of an ABC file that has a metre and a key.

    Fields after the first notes, such as words of the song, are left out.
    """
    for tune in re.split(r"\n(?=X:)", text):
        header: dict[str, str] = {}
        notes: list[str] = []
        for line in tune.split("\n"):
            field = FIELD.match(line)
            if field and not notes:
                header.setdefault(field[1], field[2].strip())
            elif not field and line.strip() and not line.startswith("%"):
                notes.append(line.strip())
        if {"K", "M"} <= set(header) and notes:
            yield [header.get("X", ""), *(header.get(name, "") for name in FIELDS), " ".join(notes)]
