"""Dataset `qm9`: properties of small molecules from their geometry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from mobench.errors import OptionError, nearest
from mobench.interfaces import Dataset, Objective, Protocol, Samples, Split
from mobench.options import option
from mobench.user_folders import require
from mobench_molecules.files import MAX_ATOMS, read_molecules
from mobench_molecules.graphs import graph_inputs, input_shapes, prepared, squared_error, standardised_targets
from mobench_regression.table import mean_and_deviation

HARTREE, KCAL_PER_MOL = 27_211.3825435, 43.36414
"""In meV, as in torch_geometric."""
TARGETS: Mapping[str, tuple[float, str]] = {
    "mu": (1.0, "D"),
    "alpha": (1.0, "a0³"),
    "homo": (HARTREE, "meV"),
    "lumo": (HARTREE, "meV"),
    "r2": (1.0, "a0²"),
    "zpve": (HARTREE, "meV"),
    "u0_atom": (KCAL_PER_MOL, "meV"),
    "u298_atom": (KCAL_PER_MOL, "meV"),
    "h298_atom": (KCAL_PER_MOL, "meV"),
    "g298_atom": (KCAL_PER_MOL, "meV"),
    "cv": (1.0, "cal/(mol K)"),
}
"""Column of gdb9.sdf.csv -> factor to its unit in metrics, and the unit; the targets of LibMTL in their order."""
HELD_OUT = 10_000
"""Molecules for validation, and for testing; of small files a tenth each."""


@dataclass(frozen=True)
class Qm9(Dataset):
    """130,831 molecules of up to nine C, N, O and F atoms with their hydrogens; each property is an objective.

    A molecule is a graph that is padded to 29 atoms: `nodes` [29, 5] are the elements H, C, N, O, F as one-hot vectors,
    `positions` [29, 3] are in Å, and `mask` [29] is true for atoms. The loss is the squared error of the property,
    standardised on the training split; the metric is the mean absolute error in original units.
    """

    folder: str = option("", "folder with gdb9.sdf and the other raw files; empty: qm9/raw below the data folders")
    targets: tuple[str, ...] = option((), "names of the properties that are objectives; none: all eleven")
    split_seed: int = option(0, "of the splits, which are drawn; the same for all seeds of a job")
    limit: Annotated[int, Gt(0)] | None = option(None, "use this many molecules of each split; none: all")

    def __post_init__(self) -> None:
        for name in self.targets:
            if name not in TARGETS:
                hint = nearest(name, TARGETS) or f"; accepted: {', '.join(TARGETS)}"
                raise OptionError(f"there is no target {name!r}{hint}")
        if len(set(self.targets)) < len(self.targets):
            raise OptionError(f"targets {', '.join(self.targets)} name one twice: name each once")

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the properties that are objectives."""
        return self.targets or tuple(TARGETS)

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(squared_error(name, TARGETS[name][1]) for name in self.chosen)

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(self.chosen, 1)

    @property
    def input_shape(self) -> Mapping[str, tuple[int, ...]]:
        return input_shapes(MAX_ATOMS)

    @property
    def protocol(self) -> Protocol:
        m = len(self.chosen)
        return Protocol("qm9-1", reference=(1.5,) * m, ideal=(0.0,) * m, nadir=(1.0,) * m, subset="random")

    def load(self, split: Split) -> Samples:
        molecules = read_molecules(require("qm9", self.folder), tuple(TARGETS))
        parts = drawn_parts(len(molecules.numbers), self.split_seed)
        columns = [list(TARGETS).index(name) for name in self.chosen]
        values = molecules.values[:, columns] * [TARGETS[name][0] for name in self.chosen]
        moments = mean_and_deviation(values[parts["train"]])
        rows = parts[split][: self.limit]
        inputs = graph_inputs(molecules.numbers[rows], molecules.positions[rows])
        return Samples(inputs, standardised_targets(values[rows], moments, list(self.chosen)))

    def prepare(self, batch: Samples) -> Samples:
        return prepared(batch)


def drawn_parts(n: int, seed: int) -> dict[Split, NDArray[np.int64]]:
    """Return the rows of each split, in random order: 10,000 for testing, 10,000 for validation, the rest for training.

    Of fewer than 100,000 rows, a tenth is for testing and a tenth for validation.
    """
    n_held_out = min(HELD_OUT, max(n // 10, 1))
    order = np.random.default_rng(seed).permutation(n)
    return {"test": order[:n_held_out], "val": order[n_held_out : 2 * n_held_out], "train": order[2 * n_held_out :]}
