"""Dataset `earth`: surface, climate, elevation and slope of every pixel of satellite images."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench import files
from mobench.datafiles import require
from mobench.errors import DataError
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split, SummedMeasure
from mobench.measures import masked_mean, mean_iou
from mobench.options import option
from mobench_earth.tiles import CHANNELS, HEIGHT, LAND, SIDE, SLOPE_UNIT, WIDTH
from mobench_regression.splits import drawn
from mobench_regression.table import number, read_csv

MAX_BYTES = 2**25
BLOCK = 30
"""Side of a block, in degrees of longitude and latitude."""
N_CLASSES = {"surface": 3, "climate": 31}
OCEAN = 31
"""Class of the climate map that is no climate."""
MISSING = -1


@dataclass(frozen=True)
class Relief:
    """A real property of land: its stored values, and their scale for the network.

    The network predicts (value − middle) / spread.

    unit:     value of one stored grey level.
    middle:   median over all pixels of land.
    spread:   mean distance from the median, so that the constant prediction 0 has loss 1 on all pixels of land.
    smallest: smallest value for which a relative error is computed.
    """

    unit: float
    middle: float
    spread: float
    smallest: float
    unit_name: str


RELIEFS = {
    "elevation": Relief(1.0, 143.0, 22.7, 1.0, "grey level"),
    "slope": Relief(SLOPE_UNIT, 1.375, 1.684, 1.0, "grey level per pixel"),
}


@dataclass(frozen=True)
class Earth(Dataset):
    """949 satellite images of 64×64 pixels of 1/15 degree, with maps of the same places as labels.

    All images of a block of 30×30 degrees are in the same split. Climate, elevation and slope have labels on land
    only.
    """

    split_seed: int = option(0, "of the blocks of the splits; the same for all seeds of a job")
    spacing: Literal[1, 2, 4, 8] = option(1, "labels are of every so many pixels along each side; 1: of every pixel")
    limit: Annotated[int, Gt(0)] | None = option(None, "use this many images of each split, evenly spread; none: all")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return (
            *(_classes(name, n) for name, n in N_CLASSES.items()),
            *(_real(name, relief) for name, relief in RELIEFS.items()),
        )

    @property
    def heads(self) -> Mapping[str, tuple[int, ...]]:
        side = SIDE // self.spacing
        return {objective.name: (N_CLASSES.get(objective.name, 1), side, side) for objective in self.objectives}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, SIDE, SIDE)

    @property
    def protocol(self) -> Protocol:
        return Protocol(
            "earth-1",
            reference=(1.0, 4.5, 1.5, 1.5),
            ideal=(0.0, 0.0, 0.0, 0.0),
            nadir=(0.474, 2.82, 1.0, 1.0),
            subset="random",
        )

    def load(self, split: Split) -> Samples:
        paths = require("earth")
        path = paths["earth/tiles.npy"]
        tiles = _tiles(path, path.stat().st_mtime_ns)
        places = read_csv(paths["earth/tiles.csv"])
        if len(places) != len(tiles):
            raise DataError(f"there are {len(tiles)} tiles and {len(places)} places: fetch both files of earth again")
        rows = drawn(blocks_of(places), self.split_seed)[split]
        if self.limit is not None:
            rows = rows[np.linspace(0, len(rows), min(self.limit, len(rows)), endpoint=False).astype(int)]
        samples = samples_of(tiles[rows])
        pixels = slice(self.spacing // 2, None, self.spacing)
        return Samples(samples.inputs, {name: t[:, pixels, pixels].clone() for name, t in samples.targets.items()})


def samples_of(tiles: NDArray[np.uint8]) -> Samples:
    """Return images and labels of tiles [N, channels, 64, 64]."""
    channel = dict(zip(CHANNELS, np.moveaxis(tiles, 1, 0), strict=True))
    is_land = channel["surface"] == LAND
    has_climate = is_land & (channel["climate"] != OCEAN)
    targets = {
        "surface": torch.from_numpy(channel["surface"].astype(np.int64)),
        "climate": torch.from_numpy(np.where(has_climate, channel["climate"].astype(np.int64), MISSING)),
    }
    for name, relief in RELIEFS.items():
        scaled = (channel[name] * np.float32(relief.unit) - np.float32(relief.middle)) / np.float32(relief.spread)
        targets[name] = torch.from_numpy(np.where(is_land, scaled, np.float32(np.nan)).astype(np.float32))
    return Samples(torch.from_numpy(np.ascontiguousarray(tiles[:, :3])), targets)


def blocks_of(places: list[dict[str, str]]) -> NDArray[np.int64]:
    """Return the block [N] of each tile, from the row and column where it begins."""
    per_row = 360 // BLOCK
    return np.array(
        [
            int(number(place["row"])) * (180 // BLOCK) // HEIGHT * per_row
            + int(number(place["column"])) * per_row // WIDTH
            for place in places
        ]
    )


@lru_cache(maxsize=1)
def _tiles(path: Path, mtime_ns: int) -> NDArray[np.uint8]:
    """Return the tiles of a file, read-only; they are kept, because a job loads three splits of one file."""
    try:
        array = np.load(io.BytesIO(files.read(path, MAX_BYTES)), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path.name} is not an array ({error}): run `mobench data fetch earth`") from error
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8 or array.shape[1:] != (len(CHANNELS), SIDE, SIDE):
        raise DataError(f"{path.name} has no tiles of {len(CHANNELS)} maps: run `mobench data fetch earth`")
    array.setflags(write=False)
    return array


def _classes(name: str, n_classes: int) -> Objective:
    return Objective(
        name,
        masked_mean(_cross_entropy, name, missing=MISSING),
        (
            Metric("mIoU", mean_iou(name, n_classes, missing=MISSING)),
            Metric("accuracy", masked_mean(_is_right, name, missing=MISSING)),
        ),
        "nats",
        "categorical",
    )


def _cross_entropy(output: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(output, labels, reduction="none")


def _is_right(output: Tensor, labels: Tensor) -> Tensor:
    return (output.argmax(1) == labels).to(output)


def _real(name: str, relief: Relief) -> Objective:
    return Objective(
        name,
        masked_mean(_absolute(1.0), name),
        (
            Metric("abs", masked_mean(_absolute(relief.spread), name), higher_is_better=False, unit=relief.unit_name),
            Metric("rel", relative_error(name, relief), higher_is_better=False),
        ),
    )


def _absolute(scale: float) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda output, labels: (output[:, 0] - labels).abs() * scale


def relative_error(name: str, relief: Relief) -> SummedMeasure:
    """Return the mean of |prediction − value| / value over the labels whose value is at least `relief.smallest`."""

    def statistics(outputs: Outputs, batch: Samples) -> dict[str, Tensor]:
        labels = batch.targets[name]
        values = labels * relief.spread + relief.middle
        counts = values >= relief.smallest  # false for missing labels, which are NaN
        errors = (outputs[name][:, 0] - labels).abs() * relief.spread / values
        return {"sum": errors.where(counts, torch.zeros_like(errors)).sum(), "count": counts.sum().to(errors)}

    return SummedMeasure(statistics, lambda sums: sums["sum"] / sums["count"].clamp_min(1))
