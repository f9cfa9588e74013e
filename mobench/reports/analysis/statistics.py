"""Estimates over seeds, and rank intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray
from mobench.reports.analysis.ranking import holm


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds with the half width of its 95 % interval, which is NaN for a single seed."""

    mean: float
    half_width: float
    n: int

    @property
    def low(self) -> float:
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        return self.mean + self.half_width


def estimate(values: Sequence[float]) -> Estimate:
    """Return the mean and the Student t interval (95 %, two-sided) of values that are assumed to be independent.

    Both are NaN if there are no values or if any value is NaN. With one value only the half width is NaN.
    """
    n = len(values)
    if n == 0 or any(map(math.isnan, values)):
        return Estimate(math.nan, math.nan, n)
    if n == 1:
        return Estimate(float(values[0]), math.nan, 1)
    return Estimate(fmean(values), float(half_widths([stdev(values)], [n])[0]), n)


def half_widths(deviations: ArrayLike, counts: ArrayLike) -> FloatArray:
    """Return half widths of Student t intervals (95 %, two-sided) from standard deviations and numbers of values.

    The half width is NaN for fewer than two values.
    """
    from scipy.special import stdtrit  # importing scipy.stats takes half a second

    s, n = np.asarray(deviations, dtype=float), np.asarray(counts, dtype=float)
    enough = n > 1
    half = np.full(s.shape, math.nan)
    half[enough] = stdtrit(n[enough] - 1, 0.975) * s[enough] / np.sqrt(n[enough])
    return half


def paired_rank_intervals(scores: ArrayLike, alpha: float = 0.05) -> list[str]:
    """Return rank intervals by mean score, larger is better: "1", or "1–3" if solvers do not differ significantly.

    scores: [n, k], one row per seed, one column per solver; the scores of a row share the seed.

    Two solvers differ significantly if Student's paired t test of their differences is significant after Holm's
    correction over all pairs. The best rank of a solver is one plus the number of significantly better solvers; its
    worst rank is k minus the number of significantly worse solvers. With probability at least 1 − alpha, all
    intervals contain the true ranks simultaneously. With a single seed no solvers differ significantly.

    Source: Al Mohamad, Goeman & van Zwet, Biometrics 78 (2022), for the step from tests of all pairs to rank
        intervals. They use Tukey's test; since scores are paired by seed, Holm's correction is used here.
    """
    values = np.asarray(scores, dtype=float)
    n, k = values.shape
    better = np.zeros((k, k), dtype=bool)
    if n > 1 and k > 1:
        upper = np.triu_indices(k, 1)
        better[upper] = holm(_paired_p(values)[upper]) <= alpha
        better |= better.T
        better &= values.mean(axis=0)[:, None] > values.mean(axis=0)[None]
    return [
        _interval(1 + above, k - below) for above, below in zip(better.sum(axis=0), better.sum(axis=1), strict=True)
    ]


def place_among(estimate: Estimate, others: Sequence[Estimate]) -> str:
    """Return the rank interval of an estimate among others with which it shares no seeds.

    Two estimates differ if their 95 % intervals do not overlap. An estimate without an interval differs from none.
    """
    above = sum(other.low > estimate.high for other in others)  # False if either is NaN
    below = sum(estimate.low > other.high for other in others)
    return _interval(1 + above, len(others) + 1 - below)


def _interval(best: int, worst: int) -> str:
    return str(best) if best == worst else f"{best}–{worst}"


def _paired_p(values: FloatArray) -> FloatArray:
    """Return two-sided p-values [k, k] of paired t tests; p is 0 for a constant difference other than 0."""
    from scipy.special import stdtr

    n, k = values.shape
    p = np.ones((k, k))
    for i in range(k):  # one row at a time: an array [n, k, k] would not fit in memory for a thousand solvers
        d = values[:, i : i + 1] - values
        mean, error = d.mean(axis=0), d.std(axis=0, ddof=1) / math.sqrt(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(mean / error)
        p[i] = np.where(mean == 0, 1.0, 2 * stdtr(n - 1, -t))
    return p
