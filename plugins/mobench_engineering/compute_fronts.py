"""Compute the ideal points and fronts of the engineering problems, and write `fronts.npz`.

    python -m mobench_engineering.compute_fronts [OUTPUT]

The ideal point is the minimum of each objective, found by differential evolution (scipy). The front is what is
non-dominated among the populations of NSGA-II and, for more than two objectives, NSGA-III (pymoo), and lies below the
reference point. RE36, whose four variables are whole numbers, is enumerated. All random numbers come from seed 0. The
command prints the ideal point, which the classes of the problems state, and takes about half an hour.

The file has, for each problem, the ideal point and up to `N_POINTS` well-spread points of the front, both in original
units.
"""

from __future__ import annotations

import argparse
import itertools
from pathlib import Path

import moocore
import numpy as np
import torch
from numpy.typing import NDArray

from mobench.plugins import Spec
from mobench_engineering import mobench_datasets
from mobench_engineering.fronts import FILE
from mobench_engineering.problem import REFERENCE, EngineeringProblem

Array = NDArray[np.float64]
N_POINTS = {2: 300, 3: 500, 4: 600, 6: 600, 9: 600}
"""Number of objectives -> largest number of points in the file."""
N_GENERATIONS = 400
MOST_CANDIDATES = 20_000
"""Largest number of non-dominated points from which the well-spread ones are chosen."""


def evaluate(problem: EngineeringProblem, x: Array) -> Array:
    """Return the values [P, m], in original units, of decision vectors [P, n] in [0, 1]."""
    with torch.no_grad():
        values: Array = torch.stack(problem.functions(problem.design(torch.from_numpy(x))), -1).numpy()
    return values


def minima(problem: EngineeringProblem) -> Array:
    """Return points [m, m] of which point i has the smallest value of objective i that differential evolution finds."""
    from scipy.optimize import differential_evolution

    points = []
    for i in range(problem.n_objectives):
        best = differential_evolution(
            lambda x, i=i: evaluate(problem, x.T.copy())[:, i], [(0.0, 1.0)] * problem.n_variables, seed=0,
            popsize=40, maxiter=600, tol=1e-12, polish=False, vectorized=True, updating="deferred",
        )  # fmt: skip
        points.append(evaluate(problem, best.x[None])[0])
    return np.stack(points)


def populations(problem: EngineeringProblem) -> Array:
    """Return the points of the populations of NSGA-II, and for m > 2 of NSGA-III, that no other dominates.

    Both minimise the scaled objectives under the constraint that each is below the reference.
    """
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.algorithms.moo.nsga3 import NSGA3
    from pymoo.core.algorithm import Algorithm
    from pymoo.core.problem import Problem
    from pymoo.optimize import minimize
    from pymoo.util.ref_dirs import get_reference_directions

    m = problem.n_objectives

    class Vectorised(Problem):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(n_var=problem.n_variables, n_obj=m, n_ieq_constr=1, xl=0.0, xu=1.0)

        def _evaluate(self, x: Array, out: dict[str, Array], *_: object, **__: object) -> None:
            out["F"] = scaled(problem, evaluate(problem, x))
            out["G"] = out["F"].max(axis=1, keepdims=True) - REFERENCE

    collected: list[Array] = []

    def collect(algorithm: Algorithm) -> None:
        collected.append(evaluate(problem, algorithm.pop.get("X")))
        if len(collected) > 50:
            collected[:] = [front_of(problem, np.concatenate(collected))]

    algorithms = [NSGA2(pop_size=200 if m == 2 else 400)]
    if m > 2:
        partitions = {3: 23, 4: 11, 6: 5, 9: 3}[m]
        algorithms.append(NSGA3(ref_dirs=get_reference_directions("das-dennis", m, n_partitions=partitions)))
    for algorithm in algorithms:
        minimize(Vectorised(), algorithm, ("n_gen", N_GENERATIONS), seed=0, callback=collect)
    return np.concatenate(collected)


def enumerated(problem: EngineeringProblem) -> Array:
    """Return the exact front of a problem whose variables all are whole numbers."""
    axes = [np.arange(lower, upper + 1) for lower, upper in zip(problem.lower, problem.upper, strict=True)]
    front = np.empty((0, problem.n_objectives))
    for first in axes[0]:
        grid = np.array(list(itertools.product([first], *axes[1:])))
        with torch.no_grad():
            values = torch.stack(problem.functions(torch.from_numpy(grid)), -1).numpy()
        front = front_of(problem, np.concatenate([front, values]))
    return front


def scaled(problem: EngineeringProblem, points: Array) -> Array:
    """Return points [P, m] in the units of losses."""
    ideal, nadir = np.array(problem.ideal), np.array(problem.nadir)
    losses: Array = (points - ideal) / (nadir - ideal)
    return losses


def front_of(problem: EngineeringProblem, points: Array) -> Array:
    """Return the distinct non-dominated rows below the reference; where there are very many, a random choice of them.

    The choice keeps the extremes of every objective.
    """
    inside = points[(scaled(problem, points) < REFERENCE).all(axis=1)]
    kept: Array = inside[moocore.is_nondominated(inside)]
    if len(kept) <= MOST_CANDIDATES:
        return kept
    chosen = np.random.default_rng(0).permutation(len(kept))[:MOST_CANDIDATES]
    return kept[np.unique(np.concatenate([chosen, kept.argmin(0), kept.argmax(0)]))]


def well_spread(points: Array, n_points: int) -> NDArray[np.int64]:
    """Return the indices of `n_points` rows: the extremes of every objective, then always the farthest row."""
    chosen = list(dict.fromkeys([*points.argmin(0).tolist(), *points.argmax(0).tolist()]))[:n_points]
    distances = np.min([np.linalg.norm(points - points[i], axis=1) for i in chosen], axis=0)
    while len(chosen) < min(n_points, len(points)):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, np.linalg.norm(points - points[chosen[-1]], axis=1))
    return np.array(chosen)


def rounded_down(point: Array) -> Array:
    """Round to ten significant digits, downwards, so that the point stays a lower bound."""
    digits = [9 - int(np.floor(np.log10(abs(v)))) if v else 0 for v in point]
    return np.array([float(f"{np.floor(v * 10.0**d) / 10.0**d:.10g}") for v, d in zip(point, digits, strict=True)])


def main() -> None:
    parser = argparse.ArgumentParser(description="Compute the fronts of the engineering problems.")
    parser.add_argument("output", type=Path, nargs="?", default=Path(__file__).parent / FILE)
    output: Path = parser.parse_args().output
    arrays: dict[str, Array] = {}
    for spec in mobench_datasets():
        problem = problem_of(spec)
        name = type(problem).__name__
        is_enumerable = problem.discrete.keys() == set(range(problem.n_variables))
        points = enumerated(problem) if is_enumerable else np.concatenate([minima(problem), populations(problem)])
        front = front_of(problem, points)
        chosen = well_spread(scaled(problem, front), N_POINTS[problem.n_objectives])
        ideal = rounded_down(points.min(0))
        arrays |= {name: front[chosen], f"{name}/ideal": ideal}
        print(f"{name}: {len(front)} points, ideal = {_tuple(ideal)}, maximum = {_tuple(front.max(0))}", flush=True)
    np.savez_compressed(output, **arrays)  # type: ignore[arg-type]


def problem_of(spec: Spec) -> EngineeringProblem:
    """Return the problem that a spec of this plugin names."""
    import importlib

    module, _, name = spec.target.partition(":")
    problem: EngineeringProblem = getattr(importlib.import_module(module), name)()
    return problem


def _tuple(values: Array) -> str:
    return f"({', '.join(repr(float(v)) for v in values)})"


if __name__ == "__main__":
    main()
