"""Dataset `csv`: several target columns of one table, each an objective."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.errors import DataError, OptionError
from mobench.interfaces import Dataset, Metric, Objective, Protocol, Samples, Split
from mobench.measures import masked_mean, r_squared, root_mean_squared_error
from mobench.options import option
from mobench_csv.csv_file import CsvColumn, NumberColumn, no_column, read_columns, shown
from mobench_csv.encoding import NumberArray, encoded_numbers, encoded_texts
from mobench_regression.splits import drawn
from mobench_regression.table import mean_and_deviation

EXAMPLE, EXAMPLE_TARGETS = "flats.csv", ("rent", "energy_class")
SCALE = "{} scale"
"""Name of a second target of an objective: the standard deviation of its training values, in every row."""
MISSING_CLASS = -1
MAX_CLASSES = 1000
WORSE = 1.5
"""Reference loss, relative to that of a constant prediction or a guess."""


@dataclass(frozen=True)
class ClassTarget:
    """A target with classes. codes: [N] index of the class, -1 where it is missing."""

    classes: tuple[str, ...]
    codes: NDArray[np.int64]


@dataclass(frozen=True)
class CsvTable(Dataset):
    """Columns of a CSV file that are predicted from its other columns; each target is an objective.

    A target of numbers has the squared error of the standardised target as its loss, so that the constant prediction
    of the training mean has loss 1 on the training split, and R² and the RMSE in original units as metrics. A target
    of texts, or of few whole numbers, has the cross-entropy in nats as its loss and the accuracy as its metric. Rows
    without a value of a target do not count for it.

    Numeric inputs are standardised with the training split. A missing number is replaced by the training mean, and a
    column of indicators states where it was missing. Texts are encoded one-hot: the 30 most frequent of a column, and
    one indicator for all others. Rows are drawn at random: 60 % for training, 20 % for validation, 20 % for testing.
    """

    file: str = option("", "path of a CSV file with a header; empty: an embedded example of 160 flats")
    sha256: str = option("", "SHA-256 of the file, so that a record belongs to one content; required with `file`")
    targets: tuple[str, ...] = option(EXAMPLE_TARGETS, "names of the columns that are predicted, two or more")
    inputs: tuple[str, ...] = option((), "names of the columns that are inputs; none: all but the targets")
    categories: tuple[str, ...] = option((), "names of columns whose numbers are names, such as postcodes")
    few_values: Annotated[int, Ge(0)] = option(
        10, "a target of at most so many different whole numbers has classes; 0: only texts have"
    )
    split_seed: int = option(0, "of the splits; the same for all seeds of a job")

    def __post_init__(self) -> None:
        if len(self.targets) < 2:
            listed = f"only {self.targets[0]!r}" if self.targets else "nothing"
            columns = f" of {', '.join(self._columns)}" if self.file and self.sha256 else ""
            raise OptionError(f"targets names {listed}: name two or more columns{columns}, which become the objectives")
        for name in ("targets", "inputs", "categories"):
            columns = getattr(self, name)
            if len(set(columns)) < len(columns):
                raise OptionError(f"{name} {', '.join(columns)} names a column twice: name each once")
        if both := next((name for name in self.inputs if name in self.targets), None):
            raise OptionError(f"column {both!r} is a target and an input: name it once")
        if bool(self.file) != bool(self.sha256):
            raise OptionError("file and sha256 belong together: give both, or none for the embedded example")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            _of_classes(name, _head(j)) if isinstance(target, ClassTarget) else _of_numbers(name, _head(j))
            for j, (name, target) in enumerate(self._targets.items())
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return {
            _head(j): len(target.classes) if isinstance(target, ClassTarget) else 1
            for j, target in enumerate(self._targets.values())
        }

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (len(self._encoded[1]),)

    @property
    def input_names(self) -> tuple[str, ...]:
        """Names of the inputs: columns, "column is missing", "column=text", and "column=other"."""
        return self._encoded[1]

    @property
    def protocol(self) -> Protocol:
        guesses = [
            round(math.log(len(target.classes)), 3) if isinstance(target, ClassTarget) else 1.0
            for target in self._targets.values()
        ]
        return Protocol(
            "csv-1",
            reference=tuple(round(WORSE * guess, 3) for guess in guesses),
            ideal=(0.0,) * len(guesses),
            nadir=tuple(guesses),
            subset="random",
        )

    @property
    def notes(self) -> dict[str, float | int | str]:
        return {f"rows without {name}": n for name, n in self._n_missing.items() if n}

    def load(self, split: Split) -> Samples:
        inputs, _ = self._encoded
        rows, train = self._parts[split], self._parts["train"]
        targets: dict[str, Tensor] = {}
        for j, target in enumerate(self._targets.values()):
            if isinstance(target, ClassTarget):
                targets[_head(j)] = torch.from_numpy(target.codes[rows])
                continue
            means, deviations = mean_and_deviation(target[train][:, None])
            targets[_head(j)] = torch.from_numpy(((target[rows] - means[0]) / deviations[0]).astype(np.float32))
            targets[SCALE.format(_head(j))] = torch.full((len(rows),), float(deviations[0]))
        return Samples(torch.from_numpy(inputs[rows].astype(np.float32)), targets)

    @property
    def _path(self) -> Path:
        return Path(self.file or EXAMPLE)

    @cached_property
    def _columns(self) -> dict[str, CsvColumn]:
        """All columns of the file, from one reading."""
        if self.file:
            return read_columns(self._path, self.sha256, self.categories)
        with resources.as_file(resources.files("mobench_csv").joinpath(EXAMPLE)) as path:
            return read_columns(path, "", self.categories)

    @cached_property
    def _all_targets(self) -> dict[str, NumberArray | ClassTarget]:
        """The targets of all rows of the file."""
        return {name: self._target(name, self._named(name)) for name in self.targets}

    @cached_property
    def _rows(self) -> NDArray[np.bool_]:
        """Whether a row has a value of at least one target [N]."""
        is_kept = np.zeros(len(_present(next(iter(self._all_targets.values())))), np.bool_)
        for target in self._all_targets.values():
            is_kept |= _present(target)
        return is_kept

    @cached_property
    def _targets(self) -> dict[str, NumberArray | ClassTarget]:
        """The targets of the rows that have one."""
        return {
            name: ClassTarget(target.classes, target.codes[self._rows])
            if isinstance(target, ClassTarget)
            else target[self._rows]
            for name, target in self._all_targets.items()
        }

    @property
    def _n_missing(self) -> dict[str, int]:
        return {name: int((~_present(target)).sum()) for name, target in self._targets.items()}

    @cached_property
    def _parts(self) -> Mapping[Split, NDArray[np.int64]]:
        """The rows of each split, among those that have a target."""
        parts = drawn(np.arange(int(self._rows.sum())), self.split_seed)
        for name, target in self._targets.items():
            for split, rows in parts.items():
                if not _present(target)[rows].any():
                    raise DataError(
                        f"{shown(self._path)}: target {name!r} has a value in too few rows, none is in "
                        f"the {split} split: add rows, or choose another target"
                    )
        return parts

    @cached_property
    def _encoded(self) -> tuple[NumberArray, tuple[str, ...]]:
        """The inputs [N, d] of the rows that have a target, and their names."""
        names = self.inputs or tuple(name for name in self._columns if name not in self.targets)
        if not names:
            raise DataError(
                f"{shown(self._path)} has only the targets as columns: add columns from which they are predicted"
            )
        blocks: list[NumberArray] = []
        labels: list[str] = []
        for name in names:
            column = self._named(name)
            if isinstance(column, NumberColumn):
                block, block_labels = encoded_numbers(name, column, self._rows, self._parts["train"])
            else:
                block, block_labels = encoded_texts(name, column, self._rows, self._parts["train"])
            blocks.append(block)
            labels += block_labels
        return np.hstack(blocks), tuple(labels)

    def _named(self, name: str) -> CsvColumn:
        if name not in self._columns:
            raise no_column(self._path, name, list(self._columns))
        return self._columns[name]

    def _target(self, name: str, column: CsvColumn) -> NumberArray | ClassTarget:
        """Return a target as numbers, or as classes for texts and few whole numbers. Raises: DataError."""
        if isinstance(column, NumberColumn):
            values = column.values[~np.isnan(column.values)]
            distinct = np.unique(values)
            self._check_varies(name, len(distinct))
            if len(distinct) > self.few_values or not np.all(distinct == np.round(distinct)):
                return column.values
            codes = np.where(np.isnan(column.values), MISSING_CLASS, np.searchsorted(distinct, column.values))
            return ClassTarget(tuple(f"{value:g}" for value in distinct), codes.astype(np.int64))
        classes = tuple(sorted(set(column.values) - {""}))
        self._check_varies(name, len(classes))
        if len(classes) > min(MAX_CLASSES, len(column.values) // 2):
            raise DataError(
                f"{shown(self._path)}: target {name!r} has {len(classes)} different texts in "
                f"{len(column.values)} rows: choose a target with numbers, or with classes that occur in several rows"
            )
        index = {text: code for code, text in enumerate(classes)} | {"": MISSING_CLASS}
        return ClassTarget(classes, np.array([index[text] for text in column.values], np.int64))

    def _check_varies(self, name: str, n_values: int) -> None:
        if n_values < 2:
            problem = "one value in all rows" if n_values else "no value in any row"
            raise DataError(f"{shown(self._path)}: target {name!r} has {problem}: choose another target")


def _head(j: int) -> str:
    return f"target-{j + 1}"


def _present(target: NumberArray | ClassTarget) -> NDArray[np.bool_]:
    return target.codes != MISSING_CLASS if isinstance(target, ClassTarget) else ~np.isnan(target)


def _of_numbers(name: str, head: str) -> Objective:
    metrics = (
        Metric("R2", r_squared(head)),
        Metric("RMSE", root_mean_squared_error(head, scale=SCALE.format(head)), higher_is_better=False),
    )
    loss = masked_mean(lambda output, labels: (output[:, 0] - labels).square(), head)
    return Objective(name, loss, metrics, likelihood="gaussian")


def _of_classes(name: str, head: str) -> Objective:
    loss = masked_mean(_cross_entropies, head, missing=MISSING_CLASS)
    accuracy = Metric("accuracy", masked_mean(_hits, head, missing=MISSING_CLASS))
    return Objective(name, loss, (accuracy,), unit="nat", likelihood="categorical")


def _cross_entropies(output: Tensor, labels: Tensor) -> Tensor:
    return cross_entropy(output, labels, reduction="none")


def _hits(output: Tensor, labels: Tensor) -> Tensor:
    return (output.argmax(1) == labels).double()
