"""Ranking of solvers by a quantity: rank intervals, average ranks, and the comparison of every pair.

Sources: Holm 1979 for the correction of p-values; Kerby 2014 (the simple difference formula) for the matched-pairs
rank-biserial correlation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray
from mobench.reports.analysis.null_distributions import ranks, wilcoxon_p
from mobench.reports.analysis.paired import MIN_BLOCKS, PairedComparison, compare_pairs, rank_intervals

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class PairComparison:
    """The comparison of two solvers.

    better, worse: names; the first has the better mean.
    difference:  mean of the first less that of the second; positive also where smaller values are better.
    low, high:   ends of the 95 % bootstrap interval of the difference; NaN where there are too few scores.
    is_ahead:    whether the interval lies above 0. This verdict depends on no other solver.
    p:           of Wilcoxon's paired test over the blocks, for this pair alone.
    p_holm:      p after Holm's correction for all pairs of the ranking; it depends on the other solvers.
    effect_size: matched-pairs rank-biserial correlation in [-1, 1]: the share of the rank sum in favour of the first
                 less the share against it; 0 if all blocks tie.
    """

    better: str
    worse: str
    difference: float
    low: float
    high: float
    is_ahead: bool
    p: float
    p_holm: float
    effect_size: float


@dataclass(frozen=True)
class Ranking:
    """Ranking of solvers, best mean first; solvers with equal means are sorted by name.

    solvers:       names.
    means:         mean over tasks of the mean over seeds.
    ranks:         rank intervals, or places by the mean if no pair is separated (see `rank_intervals`).
    average_ranks: mean over blocks of the rank within a block, 1 is best. A description: unlike a pair's verdict it
                   depends on which solvers are ranked.
    scores:        [n_blocks, k], larger is better: one row per seed of a single task, otherwise one per task.
    comparison:    the bootstrap comparison of all pairs.
    n_left_out:    number of seeds that lack the score of some solver.
    """

    solvers: list[str]
    means: list[float]
    ranks: list[str]
    average_ranks: list[float]
    scores: FloatArray
    comparison: PairedComparison
    n_left_out: int = 0

    @property
    def n_blocks(self) -> int:
        return len(self.scores)

    @property
    def is_separated(self) -> bool:
        """Whether at least one solver is ahead of another."""
        return bool(self.comparison.ahead.any())

    @property
    def has_too_few_scores(self) -> bool:
        return self.comparison.n_blocks < MIN_BLOCKS

    def tied_with_best(self) -> list[str]:
        """Return the solvers that the first solver is not ahead of, without the first one itself."""
        ahead_of = self.comparison.ahead[0] if len(self.solvers) else []
        return [name for name, is_behind in zip(self.solvers, ahead_of, strict=True) if not is_behind][1:]

    def pairs(self) -> list[PairComparison]:
        """Return the comparison of every pair of solvers."""
        places = list(combinations(range(len(self.solvers)), 2)) if self.n_blocks else []
        p_values = [wilcoxon_p(self.scores[:, i] - self.scores[:, j]) for i, j in places]
        ahead = self.comparison.ahead
        return [
            PairComparison(
                self.solvers[i], self.solvers[j], abs(self.means[i] - self.means[j]), *self.comparison.interval(i, j),
                bool(ahead[i, j]), p, float(p_holm), rank_biserial(self.scores[:, i] - self.scores[:, j]),
            )
            for (i, j), p, p_holm in zip(places, p_values, holm(p_values), strict=True)
        ]  # fmt: skip

    def indistinguishable(self) -> list[list[str]]:
        """Return the maximal runs of two or more solvers, in the order of average ranks, without a separated pair.

        These are the bars of a diagram of average ranks; empty if there are too few scores to separate solvers.
        """
        if self.has_too_few_scores:
            return []
        order = sorted(range(len(self.solvers)), key=lambda i: (self.average_ranks[i], self.solvers[i]))
        ahead = self.comparison.ahead
        is_apart = (ahead | ahead.T)[np.ix_(order, order)]
        k = len(order)
        ends = [next((j for j in range(i + 1, k) if is_apart[i : j + 1, i : j + 1].any()), k) - 1 for i in range(k)]
        runs = [(i, end) for i, end in enumerate(ends) if end > i and (i == 0 or ends[i - 1] < end)]
        return [[self.solvers[place] for place in order[i : end + 1]] for i, end in runs]


def rank(tasks: Sequence[pd.DataFrame], higher_is_better: bool = True) -> Ranking:
    """Return the ranking of the solvers of one or several tasks.

    tasks: one frame per task with the same columns: one row per seed, one column per solver. Solvers are paired by task
        and seed. Seeds with a missing score are left out and counted. With several tasks the scores must be on one
        scale.
    """
    full = [task.dropna(axis=0, how="any") for task in tasks]
    sign = 1 if higher_is_better else -1
    names = [str(c) for c in full[0].columns] if full else []
    values = [np.asarray(task.to_numpy(dtype=float) * sign, dtype=np.float64) for task in full]
    means = np.mean([task.mean(axis=0) for task in values if len(task)] or [np.full(len(names), math.nan)], axis=0)
    order = sorted(range(len(names)), key=lambda i: (-means[i] if math.isfinite(means[i]) else 0.0, names[i]))
    values, names = [task[:, order] for task in values], [names[i] for i in order]
    comparison = compare_pairs(values)
    blocks = values[0] if len(values) == 1 else np.array([task.mean(axis=0) for task in values if len(task)])
    blocks = blocks.reshape(len(blocks), len(names))
    average = np.mean([ranks(-row) for row in blocks], axis=0) if len(blocks) else np.full(len(names), math.nan)
    n_left_out = sum(map(len, tasks)) - sum(map(len, full))
    return Ranking(
        names, [sign * float(mean) for mean in comparison.means], rank_intervals(comparison),
        [float(value) for value in average], blocks, comparison, n_left_out,
    )  # fmt: skip


def rank_biserial(differences: FloatArray) -> float:
    """Return the matched-pairs rank-biserial correlation of paired differences, in [-1, 1]; 1 if all are positive.

    Differences of zero are dropped, as in Wilcoxon's test. The result is 0 if all differences are zero.
    """
    d = differences[differences != 0]
    if not len(d):
        return 0.0
    sizes = ranks(np.abs(d))
    return float((sizes * np.sign(d)).sum() / sizes.sum())


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p-values corrected for multiple tests by Holm's method.

    Rejecting at level alpha keeps the family-wise error rate at most alpha under any dependence of the tests.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    corrected: FloatArray = np.empty(len(p))
    corrected[order] = stepped
    return corrected
