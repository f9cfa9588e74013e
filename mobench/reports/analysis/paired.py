"""Paired comparison of solvers: which differences the seeds and tasks of a leaderboard can support.

Every comparison of two solvers uses the scores of these two only, so it does not change when other solvers are added
or removed.

Sources: Efron & Tibshirani 1993 (bootstrap); Davison & Hinkley 1997, section 3.8 (resampling of groups and of values
within groups); Hesterberg, The American Statistician 69 (2015), section 4.4, for the expanded percentile interval,
which corrects the bootstrap for few units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray
from mobench.reports.analysis.statistics import MIN_SEEDS

N_RESAMPLES = 10_000
MIN_BLOCKS = MIN_SEEDS
"""Smallest number of scores of a solver, over tasks and seeds, with which solvers are separated at all."""


@dataclass(frozen=True)
class PairedComparison:
    """Bootstrap comparison of k solvers, paired by task and seed; larger scores are better.

    means:     [k], mean over tasks of the mean over seeds.
    resampled: [n, k], the same mean for each bootstrap resample of tasks and seeds.
    weights:   [n], probability of each resample.
    tail:      probability below the lower and above the upper end of an interval.
    n_blocks:  number of scores of each solver; below `MIN_BLOCKS` no pair is separated.
    """

    means: FloatArray
    resampled: FloatArray
    weights: FloatArray
    tail: float
    n_blocks: int

    @cached_property
    def ahead(self) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """[k, k], whether solver i is ahead of solver j: the interval of the difference lies above 0."""
        k = len(self.means)
        result = np.zeros((k, k), dtype=bool)
        if self.n_blocks < MIN_BLOCKS:
            return result
        by_solver = np.ascontiguousarray(self.resampled.T)
        is_uniform = bool((self.weights == self.weights[0]).all())
        for i in range(k):  # one row at a time: an array [k, k, n] would not fit in memory for many solvers
            (below,) = np.nonzero(self.means[i] > self.means)
            is_not_above = ~(by_solver[i] > by_solver[below])
            # counts of equal weights take a tenth of the time of products
            share = is_not_above.sum(axis=1) * self.weights[0] if is_uniform else is_not_above @ self.weights
            result[i, below] = share <= self.tail + 1e-12
        return result

    def interval(self, i: int, j: int) -> tuple[float, float]:
        """Return the 95 % interval of the difference between solvers i and j; NaN with fewer than `MIN_BLOCKS` scores.

        The lower end is above 0 exactly if solver i is ahead of solver j.
        """
        if self.n_blocks < MIN_BLOCKS:
            return math.nan, math.nan
        differences = self.resampled[:, i] - self.resampled[:, j]
        return _quantile(differences, self.weights, self.tail), -_quantile(-differences, self.weights, self.tail)


def compare_pairs(tasks: Sequence[ArrayLike]) -> PairedComparison:
    """Return the comparison of k solvers on one or several tasks.

    tasks: for each task the scores [n_seeds, k], one row per seed, with the same solvers in the same order. Scores of
        several tasks must be on one scale, such as shares of a box.

    With one task, its seeds are resampled: the comparison supports a claim about this task. With several tasks, tasks
    are resampled, and then the seeds within each. The interval is the expanded percentile interval, whose width for n
    tasks (or n seeds of a single task) is that of Student's t interval.
    """
    scores = [np.asarray(task, dtype=float) for task in tasks]
    k = scores[0].shape[1] if scores else 0
    scores = [task for task in scores if len(task)]
    if not scores:
        return PairedComparison(np.full(k, math.nan), np.empty((0, k)), np.empty(0), 0.0, 0)
    means: FloatArray = np.mean([task.mean(axis=0) for task in scores], axis=0)
    n_blocks = sum(map(len, scores))
    n_units = len(scores) if len(scores) > 1 else len(scores[0])
    if n_blocks < MIN_BLOCKS:
        return PairedComparison(means, means[None], np.ones(1), 0.0, n_blocks)
    if len(scores) == 1:
        shares, weights = seed_shares(len(scores[0]))
        return PairedComparison(means, shares @ scores[0], weights, expanded_tail(n_units), n_blocks)
    weights = np.full(N_RESAMPLES, 1 / N_RESAMPLES)
    return PairedComparison(means, _of_tasks(scores), weights, expanded_tail(n_units), n_blocks)


def rank_intervals(comparison: PairedComparison) -> list[str]:
    """Return the rank of each solver: "2", or an interval "2–5"; if no pair is separated, the place by the mean.

    The best rank is one plus the number of solvers that are ahead, the worst is k minus the number of those behind.
    """
    k, ahead = len(comparison.means), comparison.ahead
    if not ahead.any():
        order = np.argsort(-comparison.means, kind="stable")
        places = np.empty(k, dtype=int)
        places[order] = np.arange(1, k + 1)
        return [str(place) for place in places]
    best, worst = 1 + ahead.sum(axis=0), k - ahead.sum(axis=1)
    return [str(b) if b == w else f"{b}–{w}" for b, w in zip(best, worst, strict=True)]


def expanded_tail(n: int) -> float:
    """Return the probability of each tail of a 95 % expanded percentile interval for n units."""
    from scipy.special import ndtr, stdtrit  # importing scipy.stats takes half a second

    return 0.0 if n < 2 else float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))


@cache
def seed_shares(n: int) -> tuple[FloatArray, FloatArray]:
    """Return resamples of n seeds: shares [r, n] of each seed in a resample, and probabilities [r].

    All resamples are listed if there are at most `N_RESAMPLES` different ones; otherwise they are drawn.
    """
    if math.comb(2 * n - 1, n) <= N_RESAMPLES:
        counts = np.array([np.bincount(c, minlength=n) for c in combinations_with_replacement(range(n), n)])
        probabilities = [
            math.factorial(n) / math.prod(math.factorial(c) for c in row) / n**n for row in counts.tolist()
        ]
        return counts / n, np.array(probabilities)
    counts = np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
    return counts / n, np.full(N_RESAMPLES, 1 / N_RESAMPLES)


def _of_tasks(scores: Sequence[FloatArray]) -> FloatArray:
    """Return the mean over resampled tasks of the mean over resampled seeds, [N_RESAMPLES, k]."""
    random = np.random.default_rng(len(scores))
    times = random.multinomial(len(scores), np.full(len(scores), 1 / len(scores)), size=N_RESAMPLES)
    total = np.zeros((N_RESAMPLES, scores[0].shape[1]))
    for place, task in enumerate(scores):
        n = len(task)
        for repeat in range(int(times[:, place].max())):  # a task that is drawn twice gets other seeds each time
            counts = random.multinomial(n, np.full(n, 1 / n), size=N_RESAMPLES)
            is_drawn = times[:, place] > repeat
            total[is_drawn] += counts[is_drawn] / n @ task
    mean: FloatArray = total / len(scores)
    return mean


def _quantile(values: FloatArray, weights: FloatArray, probability: float) -> float:
    """Return the smallest value whose cumulated weight exceeds a probability."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    place = int(np.searchsorted(cumulated, probability + 1e-12, side="right"))
    return float(values[order][min(place, len(values) - 1)])
