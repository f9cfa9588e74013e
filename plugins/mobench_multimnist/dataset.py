"""Datasets `multimnist`, `multifashion` and `multifashion-mnist`: two overlapping images, two labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Interval
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.options import option
from mobench_multimnist import pictures
from mobench_multimnist.compose import CANVAS, Classes, Combine, Pairs, Pictures, Placement, compose

N_CLASSES = 10
SIDES = ("left", "right")


@dataclass(frozen=True)
class TwoPictures(Dataset):
    """Pairs of images on a 36×36 canvas, with one label per image.

    The training, validation and test splits use disjoint sets of images. A paper's pickle is an exception: it
    contains composed pairs and does not state their images, so its training data can only be split by pairs. Most
    images of the validation split then also occur in training pairs. Validation losses are too low, and options
    selected by them may overfit. The test pairs use other images.

    By default the labels of a pair differ, as in the student report. The labels are then dependent: one label rules
    out one of ten values of the other (mutual information ln 10/9 = 0.105 nats). For a garment and a digit this
    couples two unrelated labels. `classes="any"` draws both members independently; new protocols should use it.
    """

    pairs: Annotated[int, Gt(0)] = option(60_000, "pairs for training and validation together")
    test_pairs: Annotated[int, Gt(0)] = option(10_000, "pairs for testing")
    validation: Annotated[float, Interval(gt=0, lt=1)] = option(0.1, "share of pairs, and of pictures, for validation")
    placement: Placement = option("jitter", "boxes moved by up to 3 pixels, or in the corners (easier)")
    combine: Combine = option("max", "where boxes overlap: the brighter pixel, or the sum up to 255")
    source: str = option("full", "full, embedded (5,000 digits in the package), or the path of a paper's pickle")
    composition_seed: int = option(0, "of the pairs drawn; the same for all seeds of a job")
    classes: Classes = option("different", "labels of a pair: different ones, or any (independent)", added=True)

    collections: ClassVar[tuple[str, str]]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(s, _loss(s), (Metric("accuracy", _accuracy(s)),), unit="nats", likelihood="categorical")
            for s in SIDES
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(SIDES, N_CLASSES)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (1, CANVAS, CANVAS)

    @property
    def protocol(self) -> Protocol:
        chance = math.log(N_CLASSES)
        return Protocol("two-pictures-1", reference=(2.0, 2.0), ideal=(0.0, 0.0), nadir=(chance, chance))

    @property
    def notes(self) -> dict[str, float | int | str]:
        if self._is_composed:
            return {}
        return {"validation": "split by pairs: its pictures may occur in training pairs"}

    @property
    def _is_composed(self) -> bool:
        return self.source in ("full", "embedded")

    def load(self, split: Split) -> Samples:
        if self._is_composed:
            return _samples(self._compose(split))
        return _samples(self._from_pickle(split))

    def _compose(self, split: Split) -> Pairs:
        left, right = (self._pictures(name, split) for name in self.collections)
        n_validation = max(1, round(self.validation * self.pairs))
        n_pairs = {"train": max(1, self.pairs - n_validation), "val": n_validation, "test": self.test_pairs}[split]
        # one random stream per split, so that the number of training pairs does not change the test pairs
        stream = 3 * self.composition_seed + ("train", "val", "test").index(split)
        return compose(left, right, n_pairs, self.placement, self.combine, stream, self.classes)

    def _pictures(self, name: str, split: Split) -> Pictures:
        return pictures.of_split(name, split, self.source, self.validation, self.composition_seed)

    def _from_pickle(self, split: Split) -> Pairs:
        """Return the pairs of a split from a paper's pickle.

        These files have no validation split, so the last share of their training pairs is used. Their pairs are
        already composed: `pairs`, `test_pairs`, `placement`, `combine` and `classes` have no influence.
        """
        pairs = pictures.papers_pickle(Path(self.source), "test" if split == "test" else "train")
        if split == "test":
            return pairs
        cut = round(len(pairs.left) * (1 - self.validation))
        part = slice(0, cut) if split == "train" else slice(cut, None)
        return Pairs(pairs.images[part], pairs.left[part], pairs.right[part])


@dataclass(frozen=True)
class MultiMnist(TwoPictures):
    """Two digits."""

    collections: ClassVar[tuple[str, str]] = ("mnist", "mnist")


@dataclass(frozen=True)
class MultiFashion(TwoPictures):
    """Two garments."""

    collections: ClassVar[tuple[str, str]] = ("fashion-mnist", "fashion-mnist")


@dataclass(frozen=True)
class MultiFashionMnist(TwoPictures):
    """A garment on the left, a digit on the right."""

    collections: ClassVar[tuple[str, str]] = ("fashion-mnist", "mnist")


def _samples(pairs: Pairs) -> Samples:
    labels = {"left": pairs.left, "right": pairs.right}
    return Samples(torch.from_numpy(pairs.images), {k: torch.from_numpy(v).long() for k, v in labels.items()})


def _loss(side: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: cross_entropy(outputs[side], batch.targets[side])


def _accuracy(side: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[side].argmax(1) == batch.targets[side]).float().mean()
