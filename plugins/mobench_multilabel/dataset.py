"""Base class of datasets with many binary tasks: cross-entropies over the labels that exist, AUC, accuracy."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from mobench.datafiles import require
from mobench.errors import DataError, OptionError, nearest
from mobench.interfaces import Dataset, Metric, Objective, Protocol, Samples, Split, SummedMeasure
from mobench.measures import binned_auc, masked_mean
from mobench.options import option
from mobench_regression.splits import drawn

MISSING = -1
"""Label of a sample that was not tested for a task."""


@dataclass(frozen=True)
class LabelTable:
    """Rows of a dataset with binary labels.

    inputs: [N, d].
    labels: [N, m], 0, 1 or `MISSING`.
    groups: [N]; rows of one group are in the same split.
    """

    inputs: NDArray[np.float32]
    labels: NDArray[np.int64]
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class BinaryTasks(Dataset):
    """Several binary labels of the same inputs; each is an objective.

    The loss of a task is the mean cross-entropy of the labels that exist, divided by the entropy of a label that is 1
    with the share of the whole table. A constant prediction of this share therefore has loss 1, however rare label 1
    is. Metrics are AUC (of probabilities in 1,000 bins) and accuracy.

    shares: task -> share of label 1 among the labels of the whole table, in the order of the table.
    collection: name of the data collection, which has one file.
    """

    tasks: tuple[str, ...] = option((), "names of the tasks that are objectives; none: all")
    split_seed: int = option(0, "of the splits, which are drawn; the same for all seeds of a job")

    shares: ClassVar[Mapping[str, float]]
    collection: ClassVar[str]

    def __post_init__(self) -> None:
        for name in self.tasks:
            if name not in self.shares:
                hint = nearest(name, self.shares) or f"; accepted: {', '.join(self.shares)}"
                raise OptionError(f"there is no task {name!r}{hint}")
        if len(set(self.tasks)) < len(self.tasks):
            raise OptionError(f"tasks {', '.join(self.tasks)} name one twice: name each once")

    @abstractmethod
    def read(self, path: Path) -> LabelTable:
        """Return all rows of the file. Raises: DataError if it is damaged."""

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the tasks that are objectives."""
        return self.tasks or tuple(self.shares)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(
                name,
                relative_cross_entropy(name, self.shares[name]),
                (
                    Metric("AUC", binned_auc(name, missing=MISSING)),
                    Metric("accuracy", masked_mean(_is_right, name, missing=MISSING)),
                ),
                likelihood="categorical",
            )
            for name in self.chosen
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(self.chosen, 1)

    @property
    def protocol(self) -> Protocol:
        m = len(self.chosen)
        return Protocol("binary-tasks-1", reference=(2.0,) * m, ideal=(0.0,) * m, nadir=(1.0,) * m, subset="random")

    def load(self, split: Split) -> Samples:
        (path,) = require(self.collection).values()
        table = _table(self, path, path.stat().st_mtime_ns)
        if table.inputs.shape[1:] != self.input_shape or table.labels.shape[1:] != (len(self.shares),):
            raise DataError(
                f"the table has {table.inputs.shape[1]} inputs and {table.labels.shape[1]} labels, "
                f"{self.input_shape[0]} and {len(self.shares)} are expected: fetch its file again"
            )
        parts = drawn(table.groups, self.split_seed)
        inputs = self.scaled(table.inputs, parts["train"])[parts[split]]
        labels = torch.from_numpy(table.labels[parts[split]])
        targets = {name: labels[:, j].clone() for j, name in enumerate(self.shares) if name in self.chosen}
        return Samples(torch.from_numpy(np.ascontiguousarray(inputs)), targets)

    def scaled(self, inputs: NDArray[np.float32], train: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the inputs on the scale that the network gets; by default as they are.

        train: the rows of the training split.
        """
        return inputs


@lru_cache(maxsize=1)
def _table(dataset: BinaryTasks, path: Path, mtime_ns: int) -> LabelTable:
    """Return `dataset.read(path)`; the last result is kept, because a job loads three splits of one table."""
    return dataset.read(path)


def relative_cross_entropy(name: str, share: float) -> SummedMeasure:
    """Return the mean cross-entropy over the labels that exist, divided by that of the constant prediction `share`."""
    entropy = -share * math.log(share) - (1 - share) * math.log(1 - share)
    return masked_mean(_cross_entropy(entropy), name, missing=MISSING)


def _cross_entropy(unit: float) -> Callable[[Tensor, Tensor], Tensor]:
    def loss(output: Tensor, labels: Tensor) -> Tensor:
        return binary_cross_entropy_with_logits(output[:, 0], labels.to(output), reduction="none") / unit

    return loss


def _is_right(output: Tensor, labels: Tensor) -> Tensor:
    return ((output[:, 0] > 0) == (labels == 1)).to(output)
