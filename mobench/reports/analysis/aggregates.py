"""Aggregates of scores over tasks and seeds: interquartile mean and probability of improvement, with intervals.

Source: Agarwal et al., Deep Reinforcement Learning at the Edge of the Statistical Precipice (arXiv 2108.13264), for the
aggregates and the stratified bootstrap (library rliable). Its percentile interval is too short for few seeds: the
resampled variance is that of n values divided by n instead of n - 1. The intervals here are expanded percentile
intervals (Hesterberg, The American Statistician 69, 2015, section 4.4), which correct this and use Student's t.
`tests/benchmarks/coverage.py` measures their coverage.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray

N_RESAMPLES = 4_000
Population = Literal["seeds", "tasks"]
"""What an interval generalises to: further seeds of the same tasks, or further tasks of the same kind."""


def iqm(values: ArrayLike) -> FloatArray:
    """Return the interquartile mean over the last axis: the mean without the smallest and the largest quarter.

    The number of values that are left out at each end is rounded down, as in rliable and `scipy.stats.trim_mean`.
    """
    array = np.asarray(values, dtype=float)
    n = array.shape[-1]
    cut = n // 4
    middle: FloatArray = np.sort(array, axis=-1)[..., cut : n - cut].mean(axis=-1)
    return middle


def iqm_interval(tasks: Sequence[ArrayLike], over: Population = "seeds") -> tuple[float, float]:
    """Return the 95 % interval of the interquartile mean over all scores of a solver.

    tasks: for each task the scores [n_seeds] of its seeds, on one scale.
    over:  "seeds" resamples the seeds within each task: the interval is about these tasks. "tasks" resamples whole
        tasks: the interval is about tasks of the same kind, and contains the variation of seeds and of tasks.

    Both ends are NaN with fewer than two seeds of a task, or with "tasks" fewer than two tasks.
    """
    scores = [np.asarray(task, dtype=float) for task in tasks]
    random = np.random.default_rng(len(scores))
    if over == "tasks":
        n = len(scores)
        if n < 2:
            return math.nan, math.nan
        equal = min(map(len, scores))
        if all(len(task) == equal for task in scores):
            drawn = np.stack(scores)[random.integers(n, size=(N_RESAMPLES, n))]
            resampled = iqm(drawn.reshape(N_RESAMPLES, -1))
        else:
            choices = random.integers(n, size=(N_RESAMPLES, n))
            resampled = np.array([iqm(np.concatenate([scores[i] for i in row])) for row in choices])
        return _quantiles(resampled, n / (n - 1), n - 1)
    n = min(map(len, scores), default=0)
    if n < 2:
        return math.nan, math.nan
    # only the middle half of the scores enters the mean, so half of the degrees of freedom count
    freedom = max(n - 1, sum(len(task) - 1 for task in scores) // 2)
    resampled = _of_seeds(scores, random, lambda drawn: iqm(np.concatenate(drawn, axis=1)))
    return _quantiles(resampled, n / (n - 1), freedom)


def probability_of_improvement(first: Sequence[ArrayLike], second: Sequence[ArrayLike]) -> float:
    """Return the probability that a run of the first solver scores higher than one of the second on a random task.

    first, second: for each task the scores [n_seeds] of each solver; the numbers of seeds may differ.

    For each task it is the share of pairs of runs in which the first is higher, with ties as a half (the Mann-Whitney
    statistic); the result is the mean over tasks.
    """
    pairs = zip(first, second, strict=True)
    return float(np.mean([_share_higher(np.asarray(a)[None], np.asarray(b)[None])[0] for a, b in pairs]))


def improvement_interval(first: Sequence[ArrayLike], second: Sequence[ArrayLike]) -> tuple[float, float]:
    """Return the 95 % interval of `probability_of_improvement` for further seeds of the same tasks.

    Seeds are resampled within each task, for each solver by itself. Both ends are NaN with fewer than two seeds of a
    task.
    """
    a = [np.asarray(task, dtype=float) for task in first]
    b = [np.asarray(task, dtype=float) for task in second]
    n = min(map(len, [*a, *b]), default=0)
    if n < 2:
        return math.nan, math.nan
    random = np.random.default_rng(len(a))

    def shares(drawn: Sequence[FloatArray]) -> FloatArray:
        pairs = zip(drawn[: len(a)], drawn[len(a) :], strict=True)
        mean: FloatArray = np.mean([_share_higher(x, y) for x, y in pairs], axis=0)
        return mean

    # pairs of resampled runs tie more often than pairs of runs, which makes up for the n - 1 of the variance
    return _quantiles(_of_seeds([*a, *b], random, shares), 1.0, max(n - 1, sum(len(task) - 1 for task in a) // 2))


def _share_higher(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return for each row the share of pairs of a value in `first` [r, n] and one in `second` [r, k] that is higher."""
    difference = first[:, :, None] - second[:, None, :]
    share: FloatArray = ((difference > 0) + 0.5 * (difference == 0)).mean(axis=(1, 2))
    return share


def _of_seeds(
    scores: Sequence[FloatArray], random: np.random.Generator, statistic: Callable[[Sequence[FloatArray]], FloatArray]
) -> FloatArray:
    """Return a statistic of resampled seeds of each task: it is called with arrays [N_RESAMPLES, n_seeds]."""
    return statistic([task[random.integers(len(task), size=(N_RESAMPLES, len(task)))] for task in scores])


def _quantiles(resampled: FloatArray, inflation: float, freedom: int) -> tuple[float, float]:
    """Return the percentile interval whose width is that of Student's 95 % interval.

    inflation: factor of the resampled variance.
    freedom:   degrees of freedom.
    """
    from scipy.special import ndtr, stdtrit  # importing scipy.stats takes half a second

    tail = float(ndtr(-math.sqrt(inflation) * stdtrit(freedom, 0.975)))
    low, high = np.quantile(resampled, [tail, 1 - tail])
    return float(low), float(high)
