"""The preference schedules of PaLoRA: from the centre of the simplex to its boundary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Sampler, SamplerContext, dirichlet, positive_preferences, seeded
from mobench.options import option


@dataclass(eq=False)
class Annealed(Sampler):
    """Evenly spaced preferences, raised to a power that grows from 0 at the first step to `power` at the end.

    r ∝ x^(power · t), where t is the training progress and x are K points that are evenly spaced on the simplex,
    `margin` away from its boundary. At t = 0 all preferences are the centre; they move towards the vertices. Nothing
    is random. Defaults of the authors' code (`mul` 5, `epsilon` 0.01; arXiv 2407.08056).

    Departure: the authors' schedule exists for two objectives (K points on a line) and three (a triangular lattice).
    Here three and more objectives use the lattice with K points, and other K are declined.
    """

    power: Annotated[float, Gt(0)] = option(5.0, "exponent at the end of training")
    margin: Annotated[float, Interval(ge=0, lt=0.5)] = option(0.01, "distance of the points from the boundary")

    needs_total_steps: ClassVar[bool] = True

    def check(self, n_objectives: int, n_preferences: int) -> None:
        if n_objectives * self.margin >= 1:
            raise IncompatibleError(
                f"sampler.margin is {self.margin}, and {n_objectives} objectives leave no room for it: set it below "
                f"{1 / n_objectives:.3g}"
            )
        if n_objectives == 2 and n_preferences < 2:
            raise IncompatibleError(
                f"the annealed schedule spaces the preferences of each step evenly, and n_preferences is "
                f"{n_preferences}: set it to 2 or more"
            )
        if n_objectives > 2 and _partitions(n_objectives, n_preferences) is None:
            sizes = [_size(n_objectives, p) for p in range(1, 5)]
            raise IncompatibleError(
                f"the annealed schedule has lattices of {', '.join(map(str, sizes))} … preferences for {n_objectives} "
                f"objectives, and n_preferences is {n_preferences}: use one of them, or the sampler annealed-dirichlet"
            )

    def start(self, context: SamplerContext) -> None:
        self._context = context
        m, k = context.n_objectives, context.n_preferences
        partitions = _partitions(m, k)
        points = torch.ones(k, m, dtype=torch.float64) if partitions is None else _lattice(m, partitions)
        self._points = self.margin + (1 - m * self.margin) * points

    def sample(self, step: int) -> Tensor:
        return positive_preferences(self._points ** (self.power * self._context.progress(step)))


@dataclass(eq=False)
class AnnealedDirichlet(Sampler):
    """Draws from a symmetric Dirichlet distribution whose concentration falls linearly during training.

    The concentration is `first` · (1 − t) + `last`, where t is the training progress: with 1 at the start,
    preferences are uniform on the simplex; near 0, they are almost vertices. Defaults of the authors' code
    (`AnnealingDirichletSampler`, arXiv 2407.08056), which uses it for three and more objectives.
    """

    first: Annotated[float, Ge(0)] = option(1.0, "concentration at the start, in addition to that of the end")
    last: Annotated[float, Gt(0)] = option(0.001, "concentration at the end of training")

    needs_total_steps: ClassVar[bool] = True

    def start(self, context: SamplerContext) -> None:
        self._context = context
        self._generator = seeded(context.seed)

    def sample(self, step: int) -> Tensor:
        concentration = self.first * (1 - self._context.progress(step)) + self.last
        shape = self._context.n_preferences, self._context.n_objectives
        return dirichlet(torch.full(shape, concentration, dtype=torch.float64), self._generator)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])


def _size(m: int, partitions: int) -> int:
    """Return the number of points of a lattice on the simplex."""
    return math.comb(partitions + m - 1, m - 1)


def _partitions(m: int, size: int) -> int | None:
    """Return the number of partitions, 1 or more, of the lattice with this many points; None if there is none."""
    if m == 1:
        return None
    partitions = 1
    while _size(m, partitions) < size:
        partitions += 1
    return partitions if _size(m, partitions) == size else None


def _lattice(m: int, partitions: int) -> Tensor:
    """Return all points [K, m] of the simplex whose entries are multiples of 1/partitions."""
    counts = [c for c in product(range(partitions + 1), repeat=m - 1) if sum(c) <= partitions]
    rows = [(partitions - sum(c), *c) for c in counts]
    return torch.tensor(rows, dtype=torch.float64) / partitions
