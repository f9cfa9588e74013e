"""Padded graphs of atoms: one-hot elements, positions and a mask, as named inputs of samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobench.interfaces import Metric, Objective, Outputs, Samples

ELEMENTS = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
"""Symbol -> atomic number, in the order of the columns of `nodes`."""
SCALE = "{} scale"
"""Name of the second target of an objective: the standard deviation of its training values, in every row."""


def input_shapes(n_atoms: int) -> Mapping[str, tuple[int, ...]]:
    """Return the shapes of the named inputs of a graph that is padded to `n_atoms` atoms."""
    return {"nodes": (n_atoms, len(ELEMENTS)), "positions": (n_atoms, 3), "mask": (n_atoms,)}


def graph_inputs(numbers: NDArray[np.uint8], positions: NDArray[np.float32]) -> dict[str, Tensor]:
    """Return the named inputs of graphs: nodes [N, A, elements] (uint8), positions [N, A, 3] in Å, mask [N, A] (bool).

    numbers: atomic numbers [N, A]; 0 for padding.
    """
    codes = np.array(list(ELEMENTS.values()), np.uint8)
    nodes = (numbers[:, :, None] == codes).astype(np.uint8)
    return {
        "nodes": torch.from_numpy(nodes),
        "positions": torch.from_numpy(np.ascontiguousarray(positions, np.float32)),
        "mask": torch.from_numpy(numbers != 0),
    }


def prepared(batch: Samples) -> Samples:
    """Return a batch whose nodes are floats."""
    return Samples({**batch.inputs, "nodes": batch.inputs["nodes"].float()}, batch.targets)


def standardised_targets(
    values: NDArray[np.float64], moments: tuple[NDArray[np.float64], NDArray[np.float64]], names: list[str]
) -> dict[str, Tensor]:
    """Return the targets of samples: each column of values [N, m] standardised, and its scale in every row.

    moments: mean and standard deviation [m] of the training values.
    """
    means, deviations = moments
    columns = ((values - means) / deviations).astype(np.float32).T
    targets: dict[str, Tensor] = {}
    for name, column, deviation in zip(names, columns, deviations.tolist(), strict=True):
        targets[name] = torch.from_numpy(np.ascontiguousarray(column))
        targets[SCALE.format(name)] = torch.full((len(column),), deviation)
    return targets


def squared_error(name: str, unit: str) -> Objective:
    """Return the squared error of a standardised target, with the mean absolute error in original units as metric."""
    return Objective(
        name,
        lambda outputs, batch: (outputs[name][:, 0] - batch.targets[name]).square().mean(),
        (Metric("MAE", _absolute_error(name), higher_is_better=False, unit=unit),),
        likelihood="gaussian",
    )


def _absolute_error(name: str) -> Callable[[Outputs, Samples], Tensor]:
    def error(outputs: Outputs, batch: Samples) -> Tensor:
        errors = (outputs[name][:, 0] - batch.targets[name]).abs()
        return (errors * batch.targets[SCALE.format(name)]).mean()

    return error
