"""The three two-picture datasets."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Gt, Interval
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.errors import DataError
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.options import option
from mobench_multimnist import pictures
from mobench_multimnist.compose import CANVAS, Classes, Combine, Pairs, Pictures, Placement, compose

N_CLASSES = 10
SIDES = ("left", "right")


@dataclass(frozen=True)
class TwoPictures(Dataset):
    """Pairs of pictures on a 36×36 canvas; one label each.

    Pictures for training, validation and testing are different ones: pairs of the validation
    split are drawn from pictures that no training pair shows. A paper's pickle is an exception: it holds
    pairs and does not say of which pictures, so its training pairs can only be split by pairs, and most pictures
    of the validation split occur in training pairs too. Its validation losses are too good, and options that are
    chosen by them may overfit. Its test pairs are of other pictures.

    By default the labels of a pair differ, as in the student report. They then depend on each other: whoever knows
    one label can rule out one of ten values of the other (mutual information ln 10/9 = 0.105 nats). For a garment
    and a digit this ties two labels that have nothing to do with each other. `classes="any"` draws both
    members independently; new protocols should use it.
    """

    pairs: Annotated[int, Gt(0)] = option(60_000, "pairs for training and validation together")
    test_pairs: Annotated[int, Gt(0)] = option(10_000, "pairs for testing")
    validation: Annotated[float, Interval(gt=0, lt=1)] = option(0.1, "share of pairs, and of pictures, for validation")
    placement: Placement = option("jitter", "boxes moved by up to 3 pixels, or in the corners (easier)")
    combine: Combine = option("max", "where boxes overlap: the brighter pixel, or the sum up to 255")
    source: str = option("full", "full, embedded (5,000 digits that come along), or the path of a paper's pickle")
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
        # one stream of random numbers per split: another number of training pairs leaves the test pairs alone
        stream = 3 * self.composition_seed + ("train", "val", "test").index(split)
        return compose(left, right, n_pairs, self.placement, self.combine, stream, self.classes)

    def _pictures(self, name: str, split: Split) -> Pictures:
        part: pictures.Part = "test" if split == "test" else "train"
        if self.source == "full":
            found = pictures.full(name, part)
        elif name == "mnist":
            found = pictures.embedded(part)
        else:
            raise DataError("only digits are embedded, and this dataset needs Fashion-MNIST: use source=full")
        if split == "test":
            return found
        order = np.random.default_rng(self.composition_seed).permutation(len(found.labels))
        cut = round(len(order) * (1 - self.validation))
        return found.take(order[:cut] if split == "train" else order[cut:])

    def _from_pickle(self, split: Split) -> Pairs:
        """The papers' files have no validation part: it is the last share of their training pairs.

        Their pairs are made already: `pairs`, `test_pairs`, `placement`, `combine` and `classes` have no influence.
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
