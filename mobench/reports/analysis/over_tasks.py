"""Comparison of solvers over tasks: aggregates of each solver, and tests of every pair.

Scores are hypervolumes divided by the volume of the box between ideal and reference point of their task. Each pair is
compared on the tasks that both completed, at the seeds that both have. Everything about a pair except `p_holm` depends
on these two solvers only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from mobench.arrays import FloatArray
from mobench.reports.analysis import aggregates
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.analysis.null_distributions import wilcoxon_p
from mobench.reports.analysis.paired_tests import PracticalDifference, sign_flip_p, signed_rank_probabilities
from mobench.reports.analysis.ranking import holm
from mobench.reports.analysis.statistics import half_widths

ROPE = 0.01
"""Half width of the region of practical equivalence: a hundredth of the box of a task."""
LEVEL = 0.05

Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Solver -> task -> seed -> normalised hypervolume."""


@dataclass(frozen=True)
class SolverAggregate:
    """Scores of one solver over its tasks.

    iqm:      interquartile mean of all scores.
    seeds:    its 95 % interval for further seeds of these tasks.
    tasks:    its 95 % interval for further tasks of the same kind.
    """

    solver: str
    n_tasks: int
    n_scores: int
    iqm: float
    seeds: tuple[float, float]
    tasks: tuple[float, float]


@dataclass(frozen=True)
class TaskComparison:
    """The comparison of two solvers over tasks.

    better, worse: names; the first has the larger mean.
    difference:  mean over tasks of the difference of the mean scores.
    interval:    its 95 % interval for further tasks (Student's t over tasks).
    relative:    mean over tasks of the difference in per cent of the hypervolume of the second.
    improvement: probability that a run of the first scores higher than a run of the second on a random task.
    improvement_interval: its 95 % interval for further seeds of these tasks.
    n_ahead, n_behind: tasks on which the first is better or worse by sign flips over the seeds, at 0.05 after Holm's
        correction over the tasks of this pair.
    p:           of Wilcoxon's signed-rank test over tasks, exact, for this pair alone.
    p_holm:      p after Holm's correction for all pairs; it depends on the other solvers.
    practical:   posterior probabilities of the Bayesian signed-rank test over tasks, for the first against the second.
    """

    better: str
    worse: str
    n_tasks: int
    difference: float
    interval: tuple[float, float]
    relative: float
    improvement: float
    improvement_interval: tuple[float, float]
    n_ahead: int
    n_behind: int
    p: float
    p_holm: float
    practical: PracticalDifference

    @property
    def verdict(self) -> str:
        """The outcome whose posterior probability is at least 0.95, "better" or "equivalent"; otherwise "open"."""
        if self.practical.above >= 1 - LEVEL:
            return "better"
        return "equivalent" if self.practical.equivalent >= 1 - LEVEL else "open"


def normalised_scores(board: Leaderboard) -> Scores:
    """Return the normalised hypervolume of every completed run, of datasets whose protocol states an ideal point.

    Rows that lack seeds are included with the seeds that they have; imported rows are not. A task is a dataset, or a
    dataset and a model where a dataset has several.
    """
    if board.measured is None:
        return {}
    rows = board.measured[(board.measured["status"] == "completed") & ~board.measured["imported"]]
    n_models = rows.groupby("dataset")["model"].nunique()
    scores: dict[str, dict[str, dict[str, float]]] = {}
    columns = (rows[name] for name in ("dataset", "model", "solver", "seed", "hypervolume"))
    for dataset, model, solver, seed, value in zip(*columns, strict=True):
        if not (box := board.boxes.get(dataset)) or math.isnan(value):
            continue
        task = f"{dataset}, {model}" if n_models[dataset] > 1 else dataset
        scores.setdefault(solver, {}).setdefault(task, {})[seed] = value / box
    return scores


def aggregates_of(scores: Scores) -> list[SolverAggregate]:
    """Return the aggregate of each solver: solvers with more tasks first, then by interquartile mean, best first."""
    rows = []
    for solver, by_task in scores.items():
        tasks = [list(seeds.values()) for _, seeds in sorted(by_task.items())]
        everything = np.concatenate(tasks)
        rows.append(
            SolverAggregate(
                solver, len(tasks), len(everything), float(aggregates.iqm(everything)),
                aggregates.iqm_interval(tasks), aggregates.iqm_interval(tasks, "tasks"),
            )
        )  # fmt: skip
    return sorted(rows, key=lambda row: (-row.n_tasks, -row.iqm, row.solver))


def compare_over_tasks(scores: Scores, solvers: Sequence[str] = (), rope: float = ROPE) -> list[TaskComparison]:
    """Return the comparison of every pair of solvers with a common task, the largest difference first.

    solvers: those to compare; by default all. Only `p_holm` depends on it.
    rope:    half width of the region of practical equivalence, as a share of the box.
    """
    names = sorted(solvers or scores)
    pairs = [pair for a, b in combinations(names, 2) if (pair := _pair(scores, a, b, rope)) is not None]
    corrected = holm([pair.p for pair in pairs])
    rows = [TaskComparison(**{**vars(pair), "p_holm": float(p)}) for pair, p in zip(pairs, corrected, strict=True)]
    return sorted(rows, key=lambda row: (-row.difference, row.better, row.worse))


def _pair(scores: Scores, a: str, b: str, rope: float) -> TaskComparison | None:
    """Return the comparison of two solvers with `p_holm` equal to p; None without a common task."""
    first, second = [], []
    for task in sorted(scores[a].keys() & scores[b].keys()):
        if seeds := sorted(scores[a][task].keys() & scores[b][task].keys()):
            first.append(np.array([scores[a][task][seed] for seed in seeds]))
            second.append(np.array([scores[b][task][seed] for seed in seeds]))
    if not first:
        return None
    if np.mean([x.mean() - y.mean() for x, y in zip(first, second, strict=True)]) < 0:
        a, b, first, second = b, a, second, first
    by_task = [x - y for x, y in zip(first, second, strict=True)]
    differences: FloatArray = np.array([d.mean() for d in by_task])
    relative = [100 * d / y.mean() if y.mean() > 0 else math.nan for d, y in zip(differences, second, strict=True)]
    n = len(differences)
    half = float(half_widths([differences.std(ddof=1) if n > 1 else math.nan], [n])[0])
    mean = float(differences.mean())
    is_clear = holm([sign_flip_p(d) for d in by_task]) <= LEVEL
    p = wilcoxon_p(differences)
    return TaskComparison(
        a, b, n, mean, (mean - half, mean + half), float(np.mean(relative)),
        aggregates.probability_of_improvement(first, second), aggregates.improvement_interval(first, second),
        int((is_clear & (differences > 0)).sum()), int((is_clear & (differences < 0)).sum()),
        p, p, signed_rank_probabilities(differences, rope),
    )  # fmt: skip
