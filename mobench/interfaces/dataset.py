"""Dataset interface: samples, objectives and the evaluation protocol of fronts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from mobench.interfaces.objective import Objective
from mobench.interfaces.samples import Samples, map_inputs, tensors_of

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Protocol:
    """Evaluation protocol for fronts of losses on a dataset; part of every job's identity.

    version:   increased whenever a value below, the splits or the rays change.
    reference: one value per objective; the reference point of the hypervolume.
    ideal: one value per objective, a lower bound of the loss. R2, some balancers and some plots measure losses
           from this point, and imported losses below it are rejected.
    nadir: one value per objective, above the ideal: the worst loss on the Pareto front, or the loss of random
           guessing. It is stored in records for information; no indicator or plot uses it.
    subset: which samples are evaluated where a part of a split is enough (validation checks during training, the front
           of the training split): the "first" ones, or a "random" subset, the same for all jobs. The first ones mislead
           if a split is sorted. None: "random" for `StoredSamples`; "first" for samples in memory, as in records from
           before there was this field.
    """

    version: str
    reference: tuple[float, ...]
    ideal: tuple[float, ...]
    nadir: tuple[float, ...]
    subset: Literal["first", "random"] | None = None


class Dataset(ABC):
    """A source of samples with m objectives, all minimised.

    A dataset plugin is a frozen dataclass that derives from this class; its fields are its options.
    The same options must give the same samples, bit for bit, on every machine. Only the order of
    the batches depends on the seed; the training loop draws it.
    """

    @property
    @abstractmethod
    def objectives(self) -> tuple[Objective, ...]:
        """The m objectives, in the order of the entries of a preference."""

    @property
    @abstractmethod
    def heads(self) -> Mapping[str, Any]:
        """Outputs that the target network must return for the objectives: name -> width, or shape such as (13, H, W).

        A width n and the shape (n,) mean outputs whose last axis has length n. Models without `takes_head_shapes` are
        declined for shapes. The type is Any, so that code for widths needs no distinction.
        """

    @property
    @abstractmethod
    def input_shape(self) -> Any:
        """Shape of one prepared input, a tuple without the batch dimension; for named inputs name -> shape.

        The type is Any, so that code for datasets with one tensor needs no distinction.
        """

    @property
    @abstractmethod
    def protocol(self) -> Protocol:
        """The evaluation protocol of this dataset."""

    @abstractmethod
    def load(self, split: Split) -> Samples:
        """Return all samples of a split: `Samples`, `TaskSamples`, or `StoredSamples`, which stay on disk.

        Raises: DataError if files are missing or damaged.
        """

    def prepare(self, batch: Samples) -> Samples:
        """Convert a batch to network inputs; by default uint8 inputs become floats in [0, 1]."""
        if any(tensor.dtype == torch.uint8 for tensor in tensors_of(batch.inputs)):
            return Samples(map_inputs(_as_floats, batch.inputs), batch.targets)
        return batch

    def augment(self, batch: Samples, random: torch.Generator) -> Samples:
        """Apply random augmentation (crops, flips, noise) to a training batch; by default return it unchanged.

        Called before `prepare`, in training only. All random numbers must come from `random`, which is
        seeded with the job's data seed and the step, so that every solver sees the same images.
        """
        return batch

    @property
    def notes(self) -> dict[str, float | int | str]:
        """Notes on this dataset for the record, for example how splits overlap."""
        return {}

    def known_front(self, n_points: int) -> Tensor | None:
        """Return about `n_points` points [P, m] of the true Pareto front; None if it is unknown."""
        return None


def _as_floats(tensor: Tensor) -> Tensor:
    return tensor.float().div_(255) if tensor.dtype == torch.uint8 else tensor


def head_shape(size: int | tuple[int, ...]) -> tuple[int, ...]:
    """Return the last axes of the outputs of a head, for its entry in `Dataset.heads`."""
    return (size,) if isinstance(size, int) else tuple(size)
