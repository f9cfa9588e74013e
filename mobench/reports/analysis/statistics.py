"""Summaries of a quantity over seeds: the mean or the median, with an interval or the range of single values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray

MIN_SEEDS = 5
"""Smallest number of seeds with an interval; with fewer, the range of the single values is shown."""

Statistic = Literal["mean", "median"]
ValueBounds = tuple[float, float]
"""Smallest and largest possible value of a quantity."""


@dataclass(frozen=True)
class RowSummaries:
    """Summaries of one quantity for several rows; all arrays have one value per row.

    center:     mean or median.
    half_width: of the 95 % interval of the mean; NaN where the range is shown instead.
    low, high:  smallest and largest single value.
    """

    center: FloatArray
    half_width: FloatArray
    low: FloatArray
    high: FloatArray


def summarise(values: ArrayLike, statistic: Statistic = "mean", bounds: ValueBounds | None = None) -> RowSummaries:
    """Return the summaries of rows of values.

    values: [n_rows, n_seeds]; NaN where a seed has no value.
    bounds: of the quantity; None if they are unknown: 0 is then a bound of every row whose values are all positive or
        zero.

    A row has an interval if its statistic is the mean, it has at least `MIN_SEEDS` values, and Student's t interval
    stays within the bounds. A half width would otherwise include values that the quantity cannot have.
    """
    array = np.asarray(values, dtype=float)
    counts = np.isfinite(array).sum(axis=1)
    ordered = np.sort(np.where(np.isfinite(array), array, np.nan), axis=1)  # NaN comes last
    rows, last = np.arange(len(array)), np.maximum(counts - 1, 0)
    if not array.shape[1]:
        ordered = np.full((len(array), 1), math.nan)
    low, high = ordered[:, 0], ordered[rows, last]
    nothing = np.full(len(array), math.nan)
    if statistic == "median":
        return RowSummaries((ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]) / 2, nothing, low, high)
    total = np.where(np.isfinite(ordered), ordered, 0.0)
    mean = np.where(counts > 0, total.sum(axis=1) / np.maximum(counts, 1), math.nan)
    squares = np.where(np.isfinite(ordered), (ordered - mean[:, None]) ** 2, 0.0).sum(axis=1)
    half = nothing
    enough = counts >= MIN_SEEDS
    half[enough] = half_widths(np.sqrt(squares[enough] / (counts[enough] - 1)), counts[enough])
    smallest = np.where(low >= 0, 0.0, -math.inf) if bounds is None else bounds[0]
    largest = math.inf if bounds is None else bounds[1]
    half[(mean - half < smallest) | (mean + half > largest)] = math.nan
    return RowSummaries(mean, half, low, high)


@dataclass(frozen=True)
class Estimate:
    """The summary of n values.

    center:     mean or median.
    half_width: of the 95 % interval of the mean; NaN where the range is shown instead.
    low, high:  ends of the interval, or the smallest and the largest value.
    """

    center: float
    half_width: float
    low: float
    high: float
    n: int


def estimate(values: Sequence[float], statistic: Statistic = "mean", bounds: ValueBounds | None = None) -> Estimate:
    """Return the summary of values (see `summarise`); every part is NaN if there are no values or one is NaN."""
    n = len(values)
    if n == 0 or any(map(math.isnan, values)):
        return Estimate(math.nan, math.nan, math.nan, math.nan, n)
    summary = summarise([values], statistic, bounds)
    center, half, low, high = (
        float(part[0]) for part in (summary.center, summary.half_width, summary.low, summary.high)
    )
    if not math.isnan(half):
        low, high = center - half, center + half
    return Estimate(center, half, low, high, n)


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
