"""Estimates over seeds, and ranks with intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mobench.reports.analysis.ranking import holm

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A mean over n seeds with the half width of its 95 % interval; NaN with a single seed."""

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
    """Mean and Student t interval (95 %, two-sided) of values that are taken as independent.

    No values give NaN, and so do values of which one is NaN; one value gives a mean with a half width of NaN.
    """
    n = len(values)
    if n == 0 or any(map(math.isnan, values)):
        return Estimate(math.nan, math.nan, n)
    if n == 1:
        return Estimate(float(values[0]), math.nan, 1)
    return Estimate(fmean(values), float(half_widths([stdev(values)], [n])[0]), n)


def half_widths(deviations: ArrayLike, counts: ArrayLike) -> Array:
    """Half widths of Student t intervals (95 %, two-sided) from standard deviations of n values each.

    NaN below two values.
    """
    from scipy.special import stdtrit  # scipy.stats would take half a second to import

    s, n = np.asarray(deviations, dtype=float), np.asarray(counts, dtype=float)
    enough = n > 1
    half = np.full(s.shape, math.nan)
    half[enough] = stdtrit(n[enough] - 1, 0.975) * s[enough] / np.sqrt(n[enough])
    return half


def paired_rank_intervals(scores: ArrayLike, alpha: float = 0.05) -> list[str]:
    """Ranks by mean, larger is better, as intervals: "1", or "1–3" where solvers cannot be told apart.

    scores: [n, k], a row per seed, a column per solver; the solvers of a row share its seed.

    Two solvers are told apart where Student's paired t test of their differences is significant after Holm's
    correction over all pairs. A solver's best rank is one more than the number of those that are better by
    that, its worst leaves out those that are worse: with probability 1 − alpha at least, all intervals hold the
    true ranks at once. A single seed tells nobody apart.

    Source: the step from tests of all pairs to intervals of ranks is that of Al Mohamad, Goeman & van Zwet,
        Biometrics 78 (2022), who use Tukey's test; pairing by seed makes Holm's correction the one that holds.
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


def place_among(one: Estimate, others: Sequence[Estimate]) -> str:
    """The rank that an estimate would have among others that it shares no seeds with, as an interval.

    Its place is clear of those whose 95 % intervals its own does not touch; without an interval, of none.
    """
    above = sum(other.low > one.high for other in others)  # False where either is NaN
    below = sum(one.low > other.high for other in others)
    return _interval(1 + above, len(others) + 1 - below)


def _interval(best: int, worst: int) -> str:
    return str(best) if best == worst else f"{best}–{worst}"


def _paired_p(values: Array) -> Array:
    """Two-sided p [k, k] of paired t tests; 0 where a difference is the same in every row and not 0."""
    from scipy.special import stdtr

    n, k = values.shape
    p = np.ones((k, k))
    for i in range(k):  # a row at a time: [n, k, k] at once would not fit for a thousand solvers
        d = values[:, i : i + 1] - values
        mean, error = d.mean(axis=0), d.std(axis=0, ddof=1) / math.sqrt(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(mean / error)
        p[i] = np.where(mean == 0, 1.0, 2 * stdtr(n - 1, -t))
    return p
