"""Dataset `glyphs`: the character, weight, slope and kind of typefaces from families that training does not see."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.datafiles import require
from mobench.errors import DataError
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.measures import r_squared
from mobench.options import option
from mobench_glyphs.drawing import CHARACTERS, KINDS, SIDE
from mobench_multimnist.pictures import read_idx
from mobench_regression.table import read_csv

CLASSES = {"character": len(CHARACTERS), "italic": 2, "kind": len(KINDS)}
"""Objective with class labels -> number of classes."""
WEIGHT = "weight"
MEAN_WEIGHT, WEIGHT_DEVIATION = 500.0, 200.0
"""The network predicts (weight − 500) / 200; weights are from 100 (thin) to 900 (black), 400 is regular."""
HELD_OUT: dict[Split, tuple[str, ...]] = {
    "val": ("Lato", "C059", "EB Garamond", "Nimbus Mono PS"),
    "test": ("Open Sans", "Open Sans Condensed", "Nimbus Roman", "Liberation Serif", "P052", "Fira Code"),
}
"""Families for validation and testing; the others are for training. Nimbus Roman and Liberation Serif are both drawn
after Times, and Open Sans Condensed belongs to Open Sans, so each is in the split of its relative."""


@dataclass(frozen=True)
class Glyphs(Dataset):
    """The 62 letters and digits of 160 typefaces, as grey images of 32×32 pixels.

    All characters of a family are in the same split, so that weight, slope and kind have to be recognised in
    typefaces that training does not show.
    """

    limit: Annotated[int, Gt(0)] | None = option(None, "use this many images of each split, evenly spread; none: all")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        weight = Objective(
            WEIGHT,
            lambda outputs, batch: (outputs[WEIGHT][:, 0] - batch.targets[WEIGHT]).square().mean(),
            (Metric("R2", r_squared(WEIGHT)), Metric("MAE", _weight_error, higher_is_better=False, unit="weight")),
            likelihood="gaussian",
        )
        character, italic, kind = (
            Objective(name, _loss(name), (Metric("accuracy", _accuracy(name)),), "nats", "categorical")
            for name in CLASSES
        )
        return character, weight, italic, kind

    @property
    def heads(self) -> Mapping[str, int]:
        return {objective.name: CLASSES.get(objective.name, 1) for objective in self.objectives}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (1, SIDE, SIDE)

    @property
    def protocol(self) -> Protocol:
        nadir = (math.log(len(CHARACTERS)), 1.0, math.log(2), math.log(len(KINDS)))
        return Protocol("glyphs-1", reference=(4.2, 1.5, 1.0, 2.0), ideal=(0.0,) * 4, nadir=nadir, subset="random")

    def load(self, split: Split) -> Samples:
        paths = require("glyphs")
        images = read_idx(paths["glyphs/glyphs-images-idx3-ubyte"])
        rows = read_csv(paths["glyphs/glyphs-labels.csv"])
        if images.shape != (len(rows), SIDE, SIDE):
            raise DataError(f"there are images {images.shape} for {len(rows)} labels: fetch both files of glyphs again")
        index = _rows_of([row["family"] for row in rows], split)
        if self.limit is not None:
            index = index[np.linspace(0, len(index), min(self.limit, len(index)), endpoint=False).astype(int)]
        chosen = [rows[i] for i in index.tolist()]
        kinds = list(KINDS)
        targets = {
            "character": torch.tensor([CHARACTERS.index(row["char"]) for row in chosen]),
            WEIGHT: torch.tensor([(float(row["weight"]) - MEAN_WEIGHT) / WEIGHT_DEVIATION for row in chosen]),
            "italic": torch.tensor([int(row["italic"]) for row in chosen]),
            "kind": torch.tensor([kinds.index(row["class"]) for row in chosen]),
        }
        return Samples(torch.from_numpy(images[index][:, None]), targets)


def _rows_of(families: list[str], split: Split) -> NDArray[np.int64]:
    split_of = {family: name for name, held_out in HELD_OUT.items() for family in held_out}
    return np.flatnonzero([split_of.get(family, "train") == split for family in families])


def _loss(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: cross_entropy(outputs[name], batch.targets[name])


def _accuracy(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[name].argmax(1) == batch.targets[name]).float().mean()


def _weight_error(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs[WEIGHT][:, 0] - batch.targets[WEIGHT]).abs().mean() * WEIGHT_DEVIATION
