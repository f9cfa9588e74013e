"""Estimates over seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev


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

    No values give NaN, one value a mean with a half width of NaN.
    """
    from scipy.special import stdtrit  # scipy.stats would take half a second to import

    n = len(values)
    if n == 0:
        return Estimate(math.nan, math.nan, 0)
    if n == 1:
        return Estimate(float(values[0]), math.nan, 1)
    half = float(stdtrit(n - 1, 0.975)) * stdev(values) / math.sqrt(n)
    return Estimate(fmean(values), half, n)


def rank_intervals(estimates: Sequence[Estimate]) -> list[str]:
    """Ranks by mean, larger is better, as intervals: "1", or "1–3" where 95 % intervals overlap.

    A value's best rank is one more than the number of values whose whole interval lies above its
    own; its worst leaves out those that lie wholly below. An estimate without an interval overlaps
    with everything: it gets the whole range.
    """

    def clear(a: Estimate, b: Estimate) -> bool:
        return a.low > b.high  # False where either is NaN

    n, ranks = len(estimates), []
    for e in estimates:
        best = 1 + sum(clear(other, e) for other in estimates)
        worst = n - sum(clear(e, other) for other in estimates)
        ranks.append(str(best) if best == worst else f"{best}–{worst}")
    return ranks
