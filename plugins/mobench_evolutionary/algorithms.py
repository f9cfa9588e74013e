"""NSGA-II, NSGA-III, MOEA/D and SMS-EMOA of pymoo as solvers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from mobench_evolutionary.evolution import Evolution
from mobench_evolutionary.points import RealArray

if TYPE_CHECKING:
    from pymoo.algorithms.base.genetic import GeneticAlgorithm

INNER_SCALE = 0.5
"""Size of the inner layer of reference directions (Deb & Jain 2014, section V)."""


@dataclass(eq=False)
class NSGA2(Evolution):
    """NSGA-II (Deb, Pratap, Agarwal & Meyarivan 2002), pymoo's implementation with its operators.

    Survivors are chosen by non-dominated sorting, then by crowding distance.
    """

    def algorithm(self, n_population: int, n_objectives: int, sampling: Any) -> GeneticAlgorithm:
        from pymoo.algorithms.moo.nsga2 import NSGA2 as Algorithm

        return Algorithm(pop_size=n_population, sampling=sampling)


@dataclass(eq=False)
class NSGA3(Evolution):
    """NSGA-III (Deb & Jain 2014), pymoo's implementation with its operators.

    Survivors are chosen by non-dominated sorting, then by reference directions without survivors (`directions`).
    """

    def algorithm(self, n_population: int, n_objectives: int, sampling: Any) -> GeneticAlgorithm:
        from pymoo.algorithms.moo.nsga3 import NSGA3 as Algorithm

        return Algorithm(directions(n_objectives, n_population), pop_size=n_population, sampling=sampling)

    def memory(self) -> dict[str, RealArray]:
        norm = self.evolution.survival.norm
        values = {"ideal": norm.ideal_point, "worst": norm.worst_point, "extreme": norm.extreme_points}
        return {name: value for name, value in values.items() if value is not None}

    def restore_memory(self, memory: dict[str, RealArray]) -> None:
        norm, m = self.evolution.survival.norm, self.problem.n_objectives
        norm.ideal_point = memory.get("ideal", np.full(m, np.inf))
        norm.worst_point = memory.get("worst", np.full(m, -np.inf))
        norm.extreme_points = memory.get("extreme")


@dataclass(eq=False)
class MOEAD(Evolution):
    """MOEA/D (Zhang & Li 2007), pymoo's implementation with its operators and scalarisations.

    Each reference direction (`directions`) has a member, which the offspring of its neighbours may replace. The
    scalarisation is Tchebycheff for two objectives and PBI for more. A generation is evaluated together (pymoo's
    `ParallelMOEAD`); the paper replaces after each evaluation. The population has as many members as there are
    directions, at most as many as a step allows. A fifth of them are neighbours.
    """

    def algorithm(self, n_population: int, n_objectives: int, sampling: Any) -> GeneticAlgorithm:
        from pymoo.algorithms.moo.moead import ParallelMOEAD as Algorithm

        rays = directions(n_objectives, n_population)
        if isinstance(sampling, np.ndarray):
            sampling = sampling[: len(rays)]
        return Algorithm(rays, n_neighbors=max(3, len(rays) // 5), sampling=sampling)

    def memory(self) -> dict[str, RealArray]:
        return {"ideal": self.evolution.ideal} if self.initial is None else {}

    def restore_memory(self, memory: dict[str, RealArray]) -> None:
        self.evolution.ideal = memory["ideal"] if memory else self.evolution.pop.get("F").min(axis=0)


@dataclass(eq=False)
class SMSEMOA(Evolution):
    """SMS-EMOA (Beume, Naujoks & Emmerich 2007), pymoo's implementation with its operators.

    The member that contributes least to the hypervolume is removed until the population has its size. A generation
    has as many offspring as members; the paper has one. Contributions are exact, and a generation on five objectives
    takes seconds, so problems with more than four are declined.
    """

    most_objectives: ClassVar[int | None] = 4

    def algorithm(self, n_population: int, n_objectives: int, sampling: Any) -> GeneticAlgorithm:
        from pymoo.algorithms.moo.sms import SMSEMOA as Algorithm

        return Algorithm(pop_size=n_population, sampling=sampling)


def directions(n_objectives: int, n_most: int) -> RealArray:
    """Return at most `n_most` reference directions [K, m] on the simplex, and at least m.

    They are the finest lattice of Das and Dennis that has not more points. If all of its points lie on the boundary,
    a second lattice of half the size is added inside, as fine as the number allows (Deb & Jain 2014, section V).
    """
    from pymoo.util.ref_dirs import get_reference_directions

    def lattice(partitions: int, scaling: float | None = None) -> RealArray:
        points: RealArray = get_reference_directions(
            "das-dennis", n_objectives, n_partitions=partitions, scaling=scaling
        )
        return points

    outer = _partitions(n_objectives, n_most)
    if outer >= n_objectives:
        return lattice(outer)
    left = n_most - math.comb(outer + n_objectives - 1, n_objectives - 1)
    if left < n_objectives:
        return lattice(outer)
    inner = min(outer, _partitions(n_objectives, left))
    return np.concatenate([lattice(outer), lattice(inner, INNER_SCALE)])


def _partitions(n_objectives: int, n_most: int) -> int:
    """Return the number of partitions, at least 1, of the finest lattice that has at most `n_most` points."""
    partitions = 1
    while math.comb(partitions + n_objectives, n_objectives - 1) <= n_most:
        partitions += 1
    return partitions
