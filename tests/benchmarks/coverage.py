"""Coverage of the intervals of `mobench compare`, and what it takes to separate pairs of solvers, by simulation.

    python tests/benchmarks/coverage.py [FILE]

Writes the tables of `results/scale/statistics.md`; it takes a few minutes on one core.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.random import Generator

from mobench.reports.analysis import aggregates
from mobench.reports.analysis.null_distributions import wilcoxon_p
from mobench.reports.analysis.ranking import holm

N_TASKS = 12
N_SIMULATIONS = 1000
N_SIMULATED_BOARDS = 20
N_SOLVERS = 20


def covers(interval: tuple[float, float], truth: float) -> bool:
    return interval[0] <= truth <= interval[1]


def coverage_same_tasks(random: Generator, n_seeds: int, spread: float) -> float:
    """Return the coverage of the interval for the same tasks; `spread` of tasks relative to that of seeds."""
    hits = 0
    for _ in range(N_SIMULATIONS):
        centres = spread * random.normal(size=(N_TASKS, 1))
        truth = float(aggregates.iqm((centres + random.normal(size=(N_TASKS, 2000))).ravel()))
        hits += covers(aggregates.iqm_interval(list(centres + random.normal(size=(N_TASKS, n_seeds)))), truth)
    return hits / N_SIMULATIONS


def coverage_similar_tasks(random: Generator, n_seeds: int, spread: float) -> float:
    hits = 0
    for _ in range(N_SIMULATIONS):
        scores = spread * random.normal(size=(N_TASKS, 1)) + random.normal(size=(N_TASKS, n_seeds))
        hits += covers(aggregates.iqm_interval(list(scores), "tasks"), 0.0)
    return hits / N_SIMULATIONS


def coverage_improvement(random: Generator, n_seeds: int, shift: float) -> float:
    from scipy.special import ndtr

    truth, hits = float(ndtr(shift / np.sqrt(2))), 0
    for _ in range(N_SIMULATIONS):
        first, second = random.normal(size=(2, N_TASKS, n_seeds))
        hits += covers(aggregates.improvement_interval(list(first + shift), list(second)), truth)
    return hits / N_SIMULATIONS


def separated_share(random: Generator, n_tasks: int, n_seeds: int, effect: float) -> float:
    """Return the share of pairs of 20 solvers with p at most 0.05 after Holm.

    The mean of a solver has standard deviation `effect` over solvers, the interaction of solver and task 1, and a seed
    1. So `effect` is the spread of solvers relative to how differently they rank from task to task.
    """
    shares = []
    for _ in range(N_SIMULATED_BOARDS):
        ability = effect * random.normal(size=N_SOLVERS)
        noise = random.normal(size=(n_tasks, N_SOLVERS)) * np.sqrt(1 + 1 / n_seeds)
        scores = ability + noise
        p = [wilcoxon_p(scores[:, a] - scores[:, b]) for a, b in combinations(range(N_SOLVERS), 2)]
        shares.append(float((holm(p) <= 0.05).mean()))
    return float(np.mean(shares))


def main(path: Path) -> None:
    random = np.random.default_rng(0)
    aggregates.N_RESAMPLES = 1000
    lines = [
        "# Intervals and separation, by simulation",
        "",
        f"Coverage of the 95 % intervals of `mobench compare` ({N_TASKS} tasks, {N_SIMULATIONS} simulated tables, "
        "standard error 0.7 %).",
        '"spread" is the standard deviation of tasks relative to that of seeds, "shift" the difference of two solvers',
        "in standard deviations of a seed.",
        "",
        "| interval | 3 seeds | 5 seeds | 10 seeds |",
        "| --- | --- | --- | --- |",
    ]
    rows: dict[str, Callable[[int], float]] = {
        "iqm, same tasks, spread 1": lambda n: coverage_same_tasks(random, n, 1.0),
        "iqm, same tasks, spread 5": lambda n: coverage_same_tasks(random, n, 5.0),
        "iqm, similar tasks, spread 1": lambda n: coverage_similar_tasks(random, n, 1.0),
        "iqm, similar tasks, spread 5": lambda n: coverage_similar_tasks(random, n, 5.0),
        "P(higher), shift 0": lambda n: coverage_improvement(random, n, 0.0),
        "P(higher), shift 1": lambda n: coverage_improvement(random, n, 1.0),
    }
    for name, coverage in rows.items():
        lines.append(f"| {name} | " + " | ".join(f"{100 * coverage(n):.1f} %" for n in (3, 5, 10)) + " |")
    lines += [
        "",
        f"Share of the 190 pairs of {N_SOLVERS} solvers with Wilcoxon's p at most 0.05 over tasks after Holm "
        f"({N_SIMULATED_BOARDS} boards).",
        '"effect" is the standard deviation of the solvers, relative to that of the interaction of solver and task; a',
        "seed has the same standard deviation as this interaction.",
        "",
        "| tasks | seeds | effect 0.5 | effect 1 | effect 2 | effect 4 |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for n_tasks in (10, 12, 15, 20, 30):
        for n_seeds in (3, 10):
            shares = [separated_share(random, n_tasks, n_seeds, effect) for effect in (0.5, 1.0, 2.0, 4.0)]
            lines.append(f"| {n_tasks} | {n_seeds} | " + " | ".join(f"{100 * s:.0f} %" for s in shares) + " |")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "results/scale/statistics.md"))
