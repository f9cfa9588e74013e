"""Summaries of few and many seeds against numpy and scipy, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mobench.reports.analysis.statistics import MIN_SEEDS, estimate, half_widths, summarise

ROWS = st.integers(1, 8).flatmap(
    lambda n: st.lists(st.lists(st.floats(0, 100) | st.just(math.nan), min_size=n, max_size=n), min_size=1, max_size=4)
)


def test_five_seeds_have_an_interval_by_hand() -> None:
    """1 to 5: mean 3, deviation √2.5, t(0.975; 4) = 2.77645."""
    e = estimate([1.0, 2.0, 3.0, 4.0, 5.0])
    assert (e.center, e.n) == (3.0, 5)
    assert e.half_width == pytest.approx(2.77645 * math.sqrt(2.5 / 5), rel=1e-5)
    assert (e.low, e.high) == pytest.approx((3 - e.half_width, 3 + e.half_width))


def test_fewer_seeds_have_the_range_of_their_values() -> None:
    e = estimate([1.1, 1.6])
    assert (e.center, e.low, e.high) == (pytest.approx(1.35), 1.1, 1.6)
    assert math.isnan(e.half_width)
    single = estimate([5.0])
    assert (single.center, single.low, single.high, single.n) == (5.0, 5.0, 5.0, 1)
    assert math.isnan(estimate([]).center)
    assert math.isnan(estimate([1.0, math.nan]).center)


def test_a_positive_quantity_has_its_range_where_the_interval_would_reach_below_zero() -> None:
    values = [0.1, 0.1, 0.1, 0.1, 2.0]
    assert math.isnan(estimate(values).half_width)
    assert (estimate(values).low, estimate(values).high) == (0.1, 2.0)
    assert estimate(values, bounds=(-math.inf, math.inf)).low < 0
    assert estimate([-0.1, *values]).low < -0.1, "a quantity with a negative value may have a negative bound"
    assert math.isnan(estimate([0.99, 0.99, 0.99, 1.0, 0.9], bounds=(-1.0, 1.0)).half_width)


def test_medians_have_the_range_of_their_values() -> None:
    e = estimate([100.0, 90.0, 900.0, 80.0, 95.0, 97.0], "median")
    assert (e.center, e.low, e.high) == (96.0, 80.0, 900.0)
    assert math.isnan(e.half_width)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_every_part_is_that_of_numpy(rows: list[list[float]]) -> None:
    array = np.array(rows)
    for statistic, function in (("mean", np.mean), ("median", np.median)):
        summary = summarise(array, statistic, (-math.inf, math.inf))  # type: ignore[arg-type]
        for i, row in enumerate(array):
            values = row[np.isfinite(row)]
            if not len(values):
                assert all(np.isnan(part[i]) for part in (summary.center, summary.low, summary.high))
                continue
            assert summary.center[i] == pytest.approx(function(values))
            assert (summary.low[i], summary.high[i]) == (values.min(), values.max())
            if statistic == "median" or len(values) < MIN_SEEDS:
                assert np.isnan(summary.half_width[i])
            else:
                expected = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
                assert summary.half_width[i] == pytest.approx(expected, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_no_interval_of_a_positive_quantity_reaches_below_zero(rows: list[list[float]]) -> None:
    for bounds in (None, (0.0, math.inf)):
        summary = summarise(rows, bounds=bounds)
        has_interval = ~np.isnan(summary.half_width)
        assert (summary.center[has_interval] >= summary.half_width[has_interval]).all()
        assert (summary.low[~np.isnan(summary.low)] >= 0).all()


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(3, 2, (4000, 5))
    summary = summarise(draws, bounds=(-math.inf, math.inf))
    covered = np.mean(np.abs(summary.center - 3) <= summary.half_width)
    assert covered == pytest.approx(0.95, abs=0.012)


def test_half_widths_are_those_of_scipy() -> None:
    draws = np.random.default_rng(0).normal(size=(6, 5))
    low, high = stats.t.interval(0.95, 4, loc=draws.mean(axis=1), scale=stats.sem(draws, axis=1))
    assert half_widths(draws.std(axis=1, ddof=1), [5] * 6) == pytest.approx((high - low) / 2)
    assert np.isnan(half_widths([0.0, math.nan], [1, 0])).all()
