"""Composition of image pairs: which two images form a pair, and where they are placed on the canvas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

CANVAS = 36
SIDE = 28
Bytes = NDArray[np.uint8]
Placement = Literal["jitter", "corners"]
Combine = Literal["max", "add"]
Classes = Literal["different", "any"]


@dataclass(frozen=True)
class Pictures:
    """Single images [N, 28, 28] and their labels [N]."""

    images: Bytes
    labels: Bytes

    def take(self, index: NDArray[np.int64]) -> Pictures:
        return Pictures(self.images[index], self.labels[index])


@dataclass(frozen=True)
class Pairs:
    """Composed images [P, 1, 36, 36] and their left and right labels [P]."""

    images: Bytes
    left: Bytes
    right: Bytes


def compose(
    left: Pictures,
    right: Pictures,
    n_pairs: int,
    placement: Placement,
    combine: Combine,
    seed: int,
    classes: Classes = "different",
) -> Pairs:
    """Return `n_pairs` pairs of images: one towards the top left, one towards the bottom right.

    placement: "jitter": the left box starts at a row and a column drawn from 0..3, the right one from 5..8;
               "corners": exactly (0, 0) and (8, 8).
    combine:   "max": the brighter of two pixels; "add": their sum, at most 255.
    classes:   "different": pairs with different labels, which makes the labels dependent; "any": any pairs.
    """
    draw = np.random.default_rng(seed)
    first, second = _draw_pairs(left.labels, right.labels, n_pairs, classes, draw)
    if placement == "jitter":
        corner_a, corner_b = draw.integers(0, 4, (n_pairs, 2)), draw.integers(5, 9, (n_pairs, 2))
    else:
        corner_a, corner_b = np.zeros((n_pairs, 2), np.int64), np.full((n_pairs, 2), CANVAS - SIDE)
    a, b = _place(left.images[first], corner_a), _place(right.images[second], corner_b)
    # cap a at 255 − b, so that the sum saturates instead of wrapping around
    images = np.maximum(a, b) if combine == "max" else np.minimum(a, 255 - b) + b
    return Pairs(images[:, None], left.labels[first], right.labels[second])


def _draw_pairs(
    left: Bytes, right: Bytes, n_pairs: int, classes: Classes, draw: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the indices of both members of each pair; redraw the second where classes must differ but are equal."""
    first = draw.integers(0, len(left), n_pairs)
    second = draw.integers(0, len(right), n_pairs)
    while classes == "different" and (same := left[first] == right[second]).any():
        second[same] = draw.integers(0, len(right), int(same.sum()))
    return first, second


def _place(pictures: Bytes, corners: NDArray[np.int64]) -> Bytes:
    canvas = np.zeros((len(pictures), CANVAS, CANVAS), np.uint8)
    # one assignment per distinct corner: at most 16
    for row, column in np.unique(corners, axis=0):
        at_corner = (corners == (row, column)).all(axis=1)
        canvas[at_corner, row : row + SIDE, column : column + SIDE] = pictures[at_corner]
    return canvas
