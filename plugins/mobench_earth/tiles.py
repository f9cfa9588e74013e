"""Cuts maps of the earth into tiles: `python -m mobench_earth.tiles MAPS OUT [PILLOW]`.

MAPS:   folder with bmng.jpg, landsea_4320x2160.u8, koppen.png and elevation_tiles.zip.
OUT:    folder for tiles.npy and tiles.csv.
PILLOW: folder with the Python package Pillow that is to be used.

All maps are plate carrée: north is up, and the left edge is at 180° W.
"""

from __future__ import annotations

import csv
import io
import sys
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Map = NDArray[np.uint8]
WIDTH, HEIGHT, SIDE = 5400, 2700, 64
"""Size of the maps and side of a tile, in pixels of 1/15 degree."""
CHANNELS = ("red", "green", "blue", "surface", "climate", "elevation", "slope")
"""Of a tile: 0 to 255 for the image, elevation and slope; surface and climate are classes."""
SEA, LAND, LAKE = range(3)
MIN_LAND = 0.3
"""Tiles with a smaller share of land are left out."""
SOUTHERN_EDGE = 0.85
"""Share of the height that is used, from the north: without Antarctica."""
SHAPE_OF_SURFACE = (2160, 4320)
ELEVATION_TILES = (8, 16)
SLOPE_UNIT = 1 / 8
"""Of the stored slopes, in grey levels of elevation per pixel; slopes beyond 255 units are 255."""


def cut(maps: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """Return the tiles [N, channels, 64, 64] of maps [channels, H, W], and the row and column where each begins."""
    surface = maps[CHANNELS.index("surface")]
    places = [
        (row, column)
        for row in range(0, int(surface.shape[0] * SOUTHERN_EDGE) - SIDE + 1, SIDE)
        for column in range(0, surface.shape[1] - SIDE + 1, SIDE)
        if (surface[row : row + SIDE, column : column + SIDE] == LAND).mean() > MIN_LAND
    ]
    return np.stack([maps[:, row : row + SIDE, column : column + SIDE] for row, column in places]), places


def relief(elevation: Map) -> tuple[Map, Map]:
    """Return elevation and slope [H, W] of an elevation map [2H, 2W].

    Four pixels are averaged. The slope is the length of the gradient of the averages of 3×3 pixels, because grey
    levels are whole numbers and JPEG has artefacts. All sums are of whole numbers.
    """
    wide = elevation.astype(np.int64)
    sums = wide[::2, ::2] + wide[1::2, ::2] + wide[::2, 1::2] + wide[1::2, 1::2]
    padded = np.pad(sums, 2, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    smooth = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    down, right = smooth[2:, 1:-1] - smooth[:-2, 1:-1], smooth[1:-1, 2:] - smooth[1:-1, :-2]
    # sums of 4 pixels × 9 averages over a distance of 2
    slope = np.sqrt((down**2 + right**2).astype(np.float64)) / (4 * 9 * 2 * SLOPE_UNIT)
    return ((sums + 2) // 4).astype(np.uint8), np.minimum(np.rint(slope), 255).astype(np.uint8)


def nearest(values: Map) -> Map:
    """Return a map of 2700×5400 pixels, each of which is the nearest one of `values`."""
    from PIL import Image

    return np.asarray(Image.fromarray(values).resize((WIDTH, HEIGHT), Image.Resampling.NEAREST))


def read_maps(folder: Path) -> NDArray[np.uint8]:
    """Return all maps [channels, 2700, 5400] from the files in a folder."""
    from PIL import Image

    Image.MAX_IMAGE_PIXELS = None
    image = np.asarray(Image.open(folder / "bmng.jpg").convert("RGB"))
    # the rows of this file run from south to north
    surface = np.fromfile(folder / "landsea_4320x2160.u8", np.uint8).reshape(SHAPE_OF_SURFACE)[::-1]
    climate = np.asarray(Image.open(folder / "koppen.png")) - np.uint8(1)
    with zipfile.ZipFile(folder / "elevation_tiles.zip") as archive:

        def tile(row: int, column: int) -> Map:
            return np.asarray(Image.open(io.BytesIO(archive.read(f"{row}_{column}.jpg"))).convert("L"))

        n_rows, n_columns = ELEVATION_TILES
        elevation = np.vstack([np.hstack([tile(row, column) for column in range(n_columns)]) for row in range(n_rows)])
    return np.stack([*np.moveaxis(image, 2, 0), nearest(surface), nearest(climate), *relief(elevation)])


def write(folder: Path, out: Path) -> None:
    """Write tiles.npy and tiles.csv from the maps in a folder."""
    tiles, places = cut(read_maps(folder))
    out.mkdir(parents=True, exist_ok=True)
    with (out / "tiles.npy").open("wb") as file:
        np.lib.format.write_array(file, tiles, version=(1, 0), allow_pickle=False)
    with (out / "tiles.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["row", "column"])
        rows.writerows(places)


if __name__ == "__main__":
    sys.path[:0] = sys.argv[3:]
    write(Path(sys.argv[1]), Path(sys.argv[2]))
