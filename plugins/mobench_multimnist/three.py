"""Dataset `multimnist3`: three overlapping digits, three labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Interval
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.options import option
from mobench_multimnist.compose import SIDE, Bytes, Pictures
from mobench_multimnist.pictures import of_split

N_CLASSES = 10
WIDE = 42
"""Side of the canvas on which the digits are placed, before it is reduced to `SIDE`."""
CORNERS = {"top-left": (0, 0), "bottom": (WIDE - SIDE, (WIDE - SIDE) // 2), "top-right": (0, WIDE - SIDE)}
"""Place of a digit -> row and column of its upper left corner on the canvas."""


@dataclass(frozen=True)
class ThreeDigits(Dataset):
    """Three digits on one image of 28×28: top left, bottom centre and top right.

    The digits are placed on a canvas of 42×42, where the brighter of overlapping pixels is kept, and the canvas is
    reduced to 28×28 by averages of areas. PaMaL's code reduces it by linear interpolation; averages of areas are
    computed in whole numbers, so that every machine gets the same images. The three digits of an image are drawn
    independently, so their labels are independent too. The splits use disjoint sets of digits.

    Source: arXiv 2210.09759 (PaMaL), its code; arXiv 2407.08056 (PaLoRA).
    """

    images: Annotated[int, Gt(0)] = option(60_000, "images for training and validation together")
    test_images: Annotated[int, Gt(0)] = option(10_000, "images for testing")
    validation: Annotated[float, Interval(gt=0, lt=1)] = option(1 / 6, "share of images, and of digits, for validation")
    source: str = option("full", "full, or embedded (5,000 digits that come along)")
    composition_seed: int = option(0, "of the digits drawn; the same for all seeds of a job")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(place, _loss(place), (Metric("accuracy", _accuracy(place)),), "nats", "categorical")
            for place in CORNERS
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(CORNERS, N_CLASSES)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (1, SIDE, SIDE)

    @property
    def protocol(self) -> Protocol:
        chance = math.log(N_CLASSES)
        return Protocol("three-digits-1", reference=(2.0,) * 3, ideal=(0.0,) * 3, nadir=(chance,) * 3, subset="random")

    def load(self, split: Split) -> Samples:
        digits = of_split("mnist", split, self.source, self.validation, self.composition_seed)
        n_validation = max(1, round(self.validation * self.images))
        n = {"train": max(1, self.images - n_validation), "val": n_validation, "test": self.test_images}[split]
        # one random stream per split, so that the number of training images does not change the test images
        draw = np.random.default_rng(3 * self.composition_seed + ("train", "val", "test").index(split))
        images, labels = compose_three(digits, draw.integers(0, len(digits.labels), (n, 3)))
        targets = {place: torch.from_numpy(labels[:, i].astype(np.int64)) for i, place in enumerate(CORNERS)}
        return Samples(torch.from_numpy(images), targets)


def compose_three(digits: Pictures, index: np.ndarray) -> tuple[Bytes, Bytes]:
    """Return images [N, 1, 28, 28] and labels [N, 3] of the digits at `index` [N, 3], in the order of `CORNERS`."""
    canvas = np.zeros((len(index), WIDE, WIDE), np.uint8)
    for column, (row, left) in enumerate(CORNERS.values()):
        part = canvas[:, row : row + SIDE, left : left + SIDE]
        np.maximum(part, digits.images[index[:, column]], out=part)
    return reduced(canvas)[:, None], digits.labels[index]


def reduced(canvas: Bytes) -> Bytes:
    """Return images [N, 2k, 2k] whose pixels are the averages of areas of 1.5×1.5 pixels of [N, 3k, 3k], rounded."""
    rows = _pairs(canvas.astype(np.int32), axis=1)
    both = _pairs(rows, axis=2)
    return ((2 * both + 9) // 18).astype(np.uint8)


def _pairs(values: np.ndarray, axis: int) -> np.ndarray:
    """Return, for every three values along an axis, 2a + b and b + 2c: three times the averages of 1.5 values."""
    a, b, c = (np.take(values, range(i, values.shape[axis], 3), axis) for i in range(3))
    halves = np.stack([2 * a + b, b + 2 * c], axis=axis + 1)
    return halves.reshape(*values.shape[:axis], -1, *values.shape[axis + 1 :])


def _loss(place: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: cross_entropy(outputs[place], batch.targets[place])


def _accuracy(place: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[place].argmax(1) == batch.targets[place]).float().mean()
