"""Base class of the regression datasets: standardised targets, squared errors, R² and RMSE."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from mobench.errors import DataError, OptionError, nearest
from mobench.interfaces import Dataset, Metric, Objective, Outputs, Protocol, Samples, Split
from mobench.measures import r_squared, root_mean_squared_error
from mobench.options import option
from mobench_regression.splits import Parts, drawn
from mobench_regression.table import Table, mean_and_deviation

SCALE = "{} scale"
"""Name of the second target of an objective: the standard deviation of its training values, in every row."""


@dataclass(frozen=True)
class TableRegression(Dataset):
    """Several real targets of one table; each is an objective.

    Inputs and targets are standardised with mean and standard deviation of the training split. A missing input is
    replaced by the mean. The loss is the squared error of the standardised target, so that the constant prediction
    of the training mean has loss 1 on the training split. Metrics are R², against the mean of the judged split, and
    the RMSE in the units of the table.

    names: name -> unit of the targets, in the order of the table.
    n_inputs: number of inputs.
    reference_loss: reference value of every objective.
    largest_input: bound of the standardised inputs; what is beyond is moved to it.
    """

    targets: tuple[str, ...] = option((), "names of the targets that are objectives; none: all")
    split_seed: int = option(0, "of the splits that are drawn; the same for all seeds of a job")

    names: ClassVar[Mapping[str, str]]
    n_inputs: ClassVar[int]
    reference_loss: ClassVar[float] = 1.5
    largest_input: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        for name in self.targets:
            if name not in self.names:
                hint = nearest(name, self.names) or f"; accepted: {', '.join(self.names)}"
                raise OptionError(f"there is no target {name!r}{hint}")
        if len(set(self.targets)) < len(self.targets):
            raise OptionError(f"targets {', '.join(self.targets)} name one twice: name each once")

    @abstractmethod
    def read(self) -> Table:
        """Return all rows. Raises: DataError if the files are missing or damaged."""

    def parts(self, table: Table) -> Parts:
        """Return the rows of each split; by default groups are drawn, three fifths of the rows for training."""
        return drawn(table.groups, self.split_seed)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the targets that are objectives."""
        return self.targets or tuple(self.names)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(
                name,
                _loss(name),
                (
                    Metric("R2", r_squared(name)),
                    Metric(
                        "RMSE",
                        root_mean_squared_error(name, scale=SCALE.format(name)),
                        higher_is_better=False,
                        unit=self.names[name],
                    ),
                ),
                likelihood="gaussian",
            )
            for name in self.chosen
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(self.chosen, 1)

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.n_inputs,)

    @property
    def protocol(self) -> Protocol:
        m = len(self.chosen)
        return Protocol(
            "regression-1",
            reference=(self.reference_loss,) * m,
            ideal=(0.0,) * m,
            nadir=(1.0,) * m,
            subset="random",
        )

    def load(self, split: Split) -> Samples:
        table = self.read()
        if table.inputs.shape[1:] != (self.n_inputs,) or table.targets.shape[1:] != (len(self.names),):
            raise DataError(
                f"the table has {table.inputs.shape[1]} inputs and {table.targets.shape[1]} targets, "
                f"{self.n_inputs} and {len(self.names)} are expected: fetch its files again"
            )
        parts = self.parts(table)
        train, rows = parts["train"], parts[split]
        means, deviations = mean_and_deviation(table.inputs[train])
        inputs = np.nan_to_num((table.inputs[rows] - means) / deviations, nan=0.0)
        inputs = inputs.clip(-self.largest_input, self.largest_input)
        means, deviations = mean_and_deviation(table.targets[train])
        standardised = (table.targets[rows] - means) / deviations
        targets = {}
        for j, name in enumerate(self.names):
            if name in self.chosen:
                targets[name] = _floats(standardised[:, j])
                targets[SCALE.format(name)] = torch.full((len(rows),), float(deviations[j]))
        return Samples(_floats(inputs), targets)


def _floats(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values, np.float32))


def _loss(name: str) -> Callable[[Outputs, Samples], Tensor]:
    return lambda outputs, batch: (outputs[name][:, 0] - batch.targets[name]).square().mean()
