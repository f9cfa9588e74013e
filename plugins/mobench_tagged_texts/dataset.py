"""Base class of texts with several labels: hashed n-grams as inputs, cross-entropies and a squared error."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Gt, Interval
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.datafiles import require
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.measures import r_squared
from mobench.options import option
from mobench_multilabel.ngrams import hashed_counts
from mobench_regression.splits import drawn


@dataclass(frozen=True)
class TextTable:
    """Texts and their labels.

    texts:  [N], the texts.
    labels: objective -> [N]: class numbers, or real values.
    groups: [N]; texts of one group are in the same split.
    """

    texts: Sequence[str]
    labels: Mapping[str, NDArray[np.int64] | NDArray[np.float32]]
    groups: NDArray[np.int64]


@dataclass(frozen=True)
class TaggedTexts(Dataset):
    """Texts with several labels; each label is an objective.

    Inputs are ln(1 + count) of the n-grams of a text, hashed to `hash_columns` columns. The loss of a class label is
    its cross-entropy, in nats; that of a real value is the squared error.

    classes:    objective -> its classes, in order; none for a real value. The order is that of the objectives.
    collection: name of the data collection, which has one file.
    longest:    largest number of symbols in an n-gram.
    entropies:  nadir of each objective: entropy of the shares of the classes, or variance.
    references: reference value of each objective.
    """

    hash_columns: Annotated[int, Interval(ge=16, le=2**16)] = option(1024, "number of hashed columns")
    split_seed: int = option(0, "of the splits, which are drawn; the same for all seeds of a job")
    limit: Annotated[int, Gt(0)] | None = option(None, "use this many texts of each split, evenly spread; none: all")

    classes: ClassVar[Mapping[str, tuple[str, ...]]]
    collection: ClassVar[str]
    longest: ClassVar[int]
    entropies: ClassVar[tuple[float, ...]]
    references: ClassVar[tuple[float, ...]]

    @abstractmethod
    def read(self, path: Path) -> TextTable:
        """Return all texts of the file. Raises: DataError if it is damaged."""

    @abstractmethod
    def symbols(self, text: str) -> Sequence[str]:
        """Return the symbols of a text, of which n-grams are counted."""

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(_classified(name) if classes else _real(name) for name, classes in self.classes.items())

    @property
    def heads(self) -> Mapping[str, int]:
        return {name: len(classes) or 1 for name, classes in self.classes.items()}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.hash_columns,)

    @property
    def protocol(self) -> Protocol:
        return Protocol(
            f"{self.collection}-1",
            self.references,
            ideal=(0.0,) * len(self.references),
            nadir=self.entropies,
            subset="random",
        )

    def load(self, split: Split) -> Samples:
        (path,) = require(self.collection).values()
        table = _table(type(self)(), path, path.stat().st_mtime_ns)
        rows = drawn(table.groups, self.split_seed)[split]
        if self.limit is not None:
            rows = rows[np.linspace(0, len(rows), min(self.limit, len(rows)), endpoint=False).astype(int)]
        targets = {name: torch.from_numpy(values[rows]) for name, values in table.labels.items()}
        symbols = [self.symbols(table.texts[row]) for row in rows.tolist()]
        return Samples(torch.from_numpy(np.log1p(hashed_counts(symbols, self.longest, self.hash_columns))), targets)


@lru_cache(maxsize=1)
def _table(dataset: TaggedTexts, path: Path, mtime_ns: int) -> TextTable:
    """Return `dataset.read(path)`; the last result is kept, because a job loads three splits of one file."""
    return dataset.read(path)


def group_numbers(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the number [N] of the group of each name, in order of first occurrence."""
    number: dict[str, int] = {}
    return np.array([number.setdefault(name, len(number)) for name in names])


def class_numbers(names: Sequence[str], classes: Sequence[str]) -> NDArray[np.int64]:
    """Return the position [N] of each name among the classes."""
    number = {name: i for i, name in enumerate(classes)}
    return np.array([number[name] for name in names])


def _classified(name: str) -> Objective:
    return Objective(name, _loss(name), (Metric("accuracy", _accuracy(name)),), "nats", "categorical")


def _real(name: str) -> Objective:
    return Objective(name, _squared_error(name), (Metric("R2", r_squared(name)),), likelihood="gaussian")


def _loss(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: cross_entropy(outputs[name], batch.targets[name])


def _accuracy(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[name].argmax(1) == batch.targets[name]).float().mean()


def _squared_error(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[name][:, 0] - batch.targets[name]).square().mean()
