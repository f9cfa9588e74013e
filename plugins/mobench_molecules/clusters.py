"""Dataset `clusters`: generated clusters of atoms with two properties in closed form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Gt
from numpy.typing import NDArray

from mobench.interfaces import Dataset, Objective, Protocol, Samples, Split
from mobench.options import option
from mobench_molecules.graphs import ELEMENTS, graph_inputs, input_shapes, prepared, squared_error, standardised_targets
from mobench_regression.table import mean_and_deviation

SIZES: Mapping[Split, int] = {"train": 2000, "val": 500, "test": 500}
MIN_ATOMS, MAX_ATOMS = 3, 12
SPREAD = 1.5
"""Standard deviation of each coordinate, in Å."""
SCREENING = 1.0
"""Length over which the repulsion decays, in Å."""
UNITS = {"gyration": "Å", "repulsion": "1"}


@dataclass(frozen=True)
class Clusters(Dataset):
    """3,000 clusters of 3 to 12 atoms at random positions, padded to 12 atoms; no files are needed.

    Inputs are those of `qm9`. The objectives are the squared errors of two properties, standardised on the training
    split: the radius of gyration, weighted by atomic numbers, and a repulsion of all pairs of atoms that decays with
    their distance. Both are exact functions of the inputs and invariant to rotation, translation and the order of the
    atoms.
    """

    limit: Annotated[int, Gt(0)] | None = option(None, "use this many clusters of each split; none: all")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(squared_error(name, unit) for name, unit in UNITS.items())

    @property
    def heads(self) -> Mapping[str, int]:
        return dict.fromkeys(UNITS, 1)

    @property
    def input_shape(self) -> Mapping[str, tuple[int, ...]]:
        return input_shapes(MAX_ATOMS)

    @property
    def protocol(self) -> Protocol:
        return Protocol("clusters-1", reference=(1.5, 1.5), ideal=(0.0, 0.0), nadir=(1.0, 1.0), subset="random")

    def load(self, split: Split) -> Samples:
        numbers, positions = drawn(SIZES[split], list(SIZES).index(split))
        values = properties(numbers, positions)
        moments = mean_and_deviation(values if split == "train" else properties(*drawn(SIZES["train"], 0)))
        rows = slice(0, self.limit)
        return Samples(
            graph_inputs(numbers[rows], positions[rows]), standardised_targets(values[rows], moments, list(UNITS))
        )

    def prepare(self, batch: Samples) -> Samples:
        return prepared(batch)


def drawn(n: int, seed: int) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Return atomic numbers [n, 12] and positions [n, 12, 3] of random clusters; 0 for padding."""
    random = np.random.default_rng(seed)
    n_atoms = random.integers(MIN_ATOMS, MAX_ATOMS + 1, n)
    is_atom = np.arange(MAX_ATOMS) < n_atoms[:, None]
    numbers = random.choice(np.array(list(ELEMENTS.values()), np.uint8), (n, MAX_ATOMS)) * is_atom
    positions = random.normal(scale=SPREAD, size=(n, MAX_ATOMS, 3)) * is_atom[:, :, None]
    return numbers.astype(np.uint8), positions.astype(np.float32)


def properties(numbers: NDArray[np.uint8], positions: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return radius of gyration and screened repulsion [N, 2] of clusters.

    With atomic numbers z, positions x, their centre c = Σ z x / Σ z and distances d, the first is
    √(Σ z |x − c|² / Σ z), and the second Σ over pairs of z z' exp(−d / 1 Å), divided by the number of atoms.
    """
    charges, places = numbers.astype(np.float64), positions.astype(np.float64)
    total = charges.sum(1)
    centre = (charges[:, :, None] * places).sum(1) / total[:, None]
    squares = ((places - centre[:, None]) ** 2).sum(2)
    gyration = np.sqrt((charges * squares).sum(1) / total)
    distances = np.sqrt(((places[:, :, None] - places[:, None]) ** 2).sum(3))
    pairs = charges[:, :, None] * charges[:, None] * np.exp(-distances / SCREENING)
    diagonal = (charges**2).sum(1)  # of an atom with itself, whose distance is 0
    repulsion = (pairs.sum((1, 2)) - diagonal) / 2 / (numbers != 0).sum(1)
    return np.stack([gyration, repulsion], axis=1)
