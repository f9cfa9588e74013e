"""What a dataset is: samples, objectives, and how fronts on it are judged."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from mobench.interfaces.objective import Objective
from mobench.interfaces.samples import Samples

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Protocol:
    """How fronts of losses on a dataset are judged; part of every job's identity.

    version:   raised whenever any figure below, the splits or the rays change.
    reference: one value per objective; the hypervolume is taken against it.
    ideal: one value per objective, which no loss falls below. R2 measures distances from it, some balancers and
           plots measure losses from it, and an imported loss below it is refused.
    nadir: one value per objective, above the ideal: the worst loss on the Pareto front, or that of guessing. It is
           kept in records for readers; no indicator or plot uses it.
    """

    version: str
    reference: tuple[float, ...]
    ideal: tuple[float, ...]
    nadir: tuple[float, ...]


class Dataset(ABC):
    """A source of samples with m objectives, all minimised.

    A dataset plugin is a frozen dataclass deriving from this one; its fields are its options.
    The same options must give the same samples, bit for bit, on every machine: what varies
    from seed to seed is the order of the batches, which the training loop draws.
    """

    @property
    @abstractmethod
    def objectives(self) -> tuple[Objective, ...]:
        """The m objectives, in the order in which preferences refer to them."""

    @property
    @abstractmethod
    def heads(self) -> Mapping[str, int]:
        """Output name -> width: what a target network must return for the objectives to read."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one prepared input, without the batch axis."""

    @property
    @abstractmethod
    def protocol(self) -> Protocol:
        """How fronts on this dataset are judged."""

    @abstractmethod
    def load(self, split: Split) -> Samples:
        """All samples of a split. Raises DataError where the files are missing or broken."""

    def prepare(self, batch: Samples) -> Samples:
        """A batch as a network wants it: by default bytes become floats in [0, 1]."""
        if batch.inputs.dtype == torch.uint8:
            return Samples(batch.inputs.float().div_(255), batch.targets)
        return batch

    def augment(self, batch: Samples, random: torch.Generator) -> Samples:
        """A training batch at random: crops, flips, noise; by default the batch itself.

        Called before `prepare`, in training only. All chance must come from `random`, which is
        seeded by the job's data seed and the step, so that every solver sees the same pictures.
        """
        return batch

    @property
    def notes(self) -> dict[str, float | int | str]:
        """What a record says about this dataset beside its numbers, for example how splits overlap."""
        return {}

    def known_front(self, n_points: int) -> Tensor | None:
        """About `n_points` points [P, m] of the true Pareto front; None where nobody knows it."""
        return None
