from __future__ import annotations

import math

import pytest

from mobench.reports.statistics import Estimate, estimate, rank_intervals


def test_interval_by_hand() -> None:
    """1, 2, 3: mean 2, deviation 1, t(0.975; 2) = 4.30265."""
    e = estimate([1.0, 2.0, 3.0])
    assert (e.mean, e.n) == (2.0, 3)
    assert e.half_width == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    assert (e.low, e.high) == pytest.approx((2 - e.half_width, 2 + e.half_width))


def test_few_values_have_no_interval() -> None:
    one = estimate([5.0])
    assert (one.mean, one.n) == (5.0, 1)
    assert math.isnan(one.half_width)
    assert math.isnan(estimate([]).mean)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    import numpy as np

    draws = np.random.default_rng(0).normal(3, 2, (4000, 4))
    covered = np.mean([e.low <= 3 <= e.high for e in map(estimate, draws.tolist())])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_ranks_are_intervals_where_intervals_overlap() -> None:
    clear = [Estimate(3, 0.1, 3), Estimate(2, 0.1, 3), Estimate(1, 0.1, 3)]
    assert rank_intervals(clear) == ["1", "2", "3"]
    tie = [Estimate(3, 0.1, 3), Estimate(2.0, 0.3, 3), Estimate(1.8, 0.3, 3)]
    assert rank_intervals(tie) == ["1", "2–3", "2–3"]


def test_without_an_interval_nothing_is_separated() -> None:
    nan = math.nan
    assert rank_intervals([Estimate(3, nan, 1), Estimate(1, nan, 1)]) == ["1–2", "1–2"]
    assert rank_intervals([]) == []
