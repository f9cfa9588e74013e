"""Datasets `mnist`, `fashion-mnist` and `cifar10`: images with one label and one objective."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge, Gt
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy, pad

from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.options import option
from mobench.user_folders import require
from mobench_images import cifar
from mobench_multimnist import pictures

N_CLASSES = 10
HEAD = "class"
SPLIT_SEED = 0
"""Seed of the permutation that selects the validation images; the same for all jobs."""


@dataclass(frozen=True)
class OneLabel(Dataset):
    """Images of ten classes; the only objective is the cross-entropy of the label.

    The last `validation` images of a fixed permutation of the training set form the validation split.
    """

    validation: Annotated[int, Gt(0)] = option(5000, "training pictures set apart for validation")
    limit: Annotated[int, Gt(0)] | None = option(None, "use only this many pictures of each split; none: all")
    shift: Annotated[int, Ge(0)] = option(
        1, "training pictures are moved by up to this many pixels (padded and cropped)"
    )

    size: ClassVar[tuple[int, int, int]]

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return (
            Objective(
                HEAD,
                _loss,
                (Metric("error", _error, higher_is_better=False), Metric("accuracy", _accuracy)),
                unit="nats",
                likelihood="categorical",
            ),
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return {HEAD: N_CLASSES}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return self.size

    @property
    def protocol(self) -> Protocol:
        chance = math.log(N_CLASSES)
        return Protocol("one-label-1", reference=(2.0,), ideal=(0.0,), nadir=(chance,))

    def load(self, split: Split) -> Samples:
        images, labels = self._read("test" if split == "test" else "train")
        if split != "test":
            order = np.random.default_rng(SPLIT_SEED).permutation(len(labels))
            n_validation = min(self.validation, len(order) // 10)
            index = order[len(order) - n_validation :] if split == "val" else order[: len(order) - n_validation]
            images, labels = images[index], labels[index]
        images, labels = images[: self.limit], labels[: self.limit]
        return Samples(torch.from_numpy(np.array(images)), {HEAD: torch.from_numpy(np.array(labels)).long()})

    def augment(self, batch: Samples, random: torch.Generator) -> Samples:
        """Return the batch with each image shifted by −shift…shift pixels along both axes, padded with 0."""
        return Samples(_moved(batch.inputs, self.shift, random), batch.targets)

    @abstractmethod
    def _read(self, part: pictures.PicturePart) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Return images [N, C, H, W] and labels [N] of a part, in the order of the files."""


@dataclass(frozen=True)
class Mnist(OneLabel):
    """Digits: 55,000 for training, 5,000 for validation, 10,000 for testing."""

    source: Literal["full", "embedded"] = option("full", "all digits, or the 5,000 in the package")

    size: ClassVar[tuple[int, int, int]] = (1, 28, 28)

    def _read(self, part: pictures.PicturePart) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        digits = pictures.full("mnist", part) if self.source == "full" else pictures.embedded(part)
        order = np.arange(len(digits.labels))
        if self.source == "embedded":  # the embedded digits are sorted by class
            order = np.random.default_rng(SPLIT_SEED).permutation(order)
        return digits.images[order][:, None], digits.labels[order]


@dataclass(frozen=True)
class FashionMnist(OneLabel):
    """Garments, in the same format and with the same split sizes as `mnist`."""

    size: ClassVar[tuple[int, int, int]] = (1, 28, 28)

    def _read(self, part: pictures.PicturePart) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        garments = pictures.full("fashion-mnist", part)
        return garments.images[:, None], garments.labels


@dataclass(frozen=True)
class Cifar10(OneLabel):
    """Colour images: 45,000 for training, 5,000 for validation, 10,000 for testing.

    They are read from the folder `cifar-10-batches-py` of the authors' archive, in $MOBENCH_DATA or the
    cache. torchvision checks the files before it unpickles them.
    """

    shift: Annotated[int, Ge(0)] = option(
        4, "training pictures are moved by up to this many pixels (padded and cropped)"
    )
    flip: bool = option(True, "every other training picture is mirrored")

    size: ClassVar[tuple[int, int, int]] = (3, 32, 32)

    def augment(self, batch: Samples, random: torch.Generator) -> Samples:
        moved = super().augment(batch, random)
        if not self.flip:
            return moved
        mirrored = torch.rand(len(moved), generator=random) < 0.5
        images = torch.where(mirrored[:, None, None, None], moved.inputs.flip(3), moved.inputs)
        return Samples(images, moved.targets)

    def prepare(self, batch: Samples) -> Samples:
        """Return the batch with channels normalised to mean 0 and standard deviation 1 over the training set."""
        mean, deviation = (
            torch.tensor(values, device=batch.inputs.device)[:, None, None] for values in (cifar.MEAN, cifar.DEVIATION)
        )
        return Samples((batch.inputs.float() / 255 - mean) / deviation, batch.targets)

    def _read(self, part: pictures.PicturePart) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return cifar.read(require("cifar10").parent, part)


def _moved(images: Tensor, shift: int, random: torch.Generator) -> Tensor:
    """Return images [N, C, H, W], each padded by `shift` zeros on all sides and cropped at random."""
    if shift == 0:
        return images
    n, channels, height, width = images.shape
    padded = pad(images, (shift, shift, shift, shift))
    rows = torch.randint(0, 2 * shift + 1, (n, 1), generator=random) + torch.arange(height)
    columns = torch.randint(0, 2 * shift + 1, (n, 1), generator=random) + torch.arange(width)
    all_channels = torch.arange(n)[:, None, None, None], torch.arange(channels)[None, :, None, None]
    return padded[(*all_channels, rows[:, None, :, None], columns[:, None, None, :])]


def _loss(outputs: Outputs, batch: Samples) -> Tensor:
    return cross_entropy(outputs[HEAD], batch.targets[HEAD])


def _accuracy(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs[HEAD].argmax(1) == batch.targets[HEAD]).float().mean()


def _error(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs[HEAD].argmax(1) != batch.targets[HEAD]).float().mean()
