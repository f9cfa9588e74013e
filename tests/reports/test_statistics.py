from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mobench.reports.analysis.statistics import Estimate, estimate, half_widths, paired_rank_intervals, place_among


def test_interval_by_hand() -> None:
    """1, 2, 3: mean 2, deviation 1, t(0.975; 2) = 4.30265."""
    e = estimate([1.0, 2.0, 3.0])
    assert (e.mean, e.n) == (2.0, 3)
    assert e.half_width == pytest.approx(4.30265 / math.sqrt(3), rel=1e-5)
    assert (e.low, e.high) == pytest.approx((2 - e.half_width, 2 + e.half_width))


def test_few_values_have_no_interval() -> None:
    single = estimate([5.0])
    assert (single.mean, single.n) == (5.0, 1)
    assert math.isnan(single.half_width)
    assert math.isnan(estimate([]).mean)


def test_the_interval_covers_the_mean_as_often_as_it_says() -> None:
    draws = np.random.default_rng(0).normal(3, 2, (4000, 4))
    covered = np.mean([e.low <= 3 <= e.high for e in map(estimate, draws.tolist())])
    assert covered == pytest.approx(0.95, abs=0.012)


def test_half_widths_are_those_of_scipy() -> None:
    draws = np.random.default_rng(0).normal(size=(6, 5))
    low, high = stats.t.interval(0.95, 4, loc=draws.mean(axis=1), scale=stats.sem(draws, axis=1))
    assert half_widths(draws.std(axis=1, ddof=1), [5] * 6) == pytest.approx((high - low) / 2)
    assert np.isnan(half_widths([0.0, math.nan], [1, 0])).all()


def test_clear_differences_give_single_ranks_and_others_intervals() -> None:
    noise = np.array([[0.1], [-0.1], [0.2], [0.0]])
    level = noise @ np.ones((1, 3))  # effects of the seed that solvers share do not count
    seed_noise = np.array([[0.01, -0.01, 0.0], [-0.01, 0.02, 0.01], [0.0, 0.0, -0.01], [0.02, 0.01, 0.0]])
    assert paired_rank_intervals(level + seed_noise + np.array([3.0, 2.0, 1.0])) == ["1", "2", "3"]
    assert paired_rank_intervals(level + seed_noise + np.array([3.0, 1.0, 1.0])) == ["1", "2–3", "2–3"]


@pytest.mark.slow
def test_pairs_are_scipys_paired_t_tests_after_holm() -> None:
    from statsmodels.stats.multitest import multipletests

    scores = np.random.default_rng(4).normal(size=(6, 4)) + np.array([9.0, 8.5, 0.5, 0.0])
    pairs = [(i, j) for i in range(4) for j in range(i + 1, 4)]
    p = [stats.ttest_rel(scores[:, i], scores[:, j]).pvalue for i, j in pairs]
    apart = multipletests(p, alpha=0.05, method="holm")[0]
    assert 0 < apart.sum() < 6
    best, worst = [1] * 4, [4] * 4
    for (i, j), clear in zip(pairs, apart, strict=True):
        if clear:
            better, other = (i, j) if scores[:, i].mean() > scores[:, j].mean() else (j, i)
            best[other] += 1
            worst[better] -= 1
    expected = [str(b) if b == w else f"{b}–{w}" for b, w in zip(best, worst, strict=True)]
    assert paired_rank_intervals(scores) == expected


def test_intervals_of_ranks_hold_the_true_ranks_at_once() -> None:
    """At least 95 of 100 tables, although the level varies more between seeds than between solvers."""
    random = np.random.default_rng(1)
    means = np.array([0.5, 0.3, 0.0])
    wrong = 0
    for _ in range(1000):
        table = means + random.normal(0, 0.3, (5, 3)) + random.normal(0, 5, (5, 1))
        for rank, interval in enumerate(paired_rank_intervals(table), start=1):
            best, _, worst = interval.partition("–")
            if not int(best) <= rank <= int(worst or best):
                wrong += 1
                break
    assert wrong / 1000 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)


def test_without_repetition_nothing_is_told_apart() -> None:
    assert paired_rank_intervals([[3.0, 1.0]]) == ["1–2", "1–2"]
    assert paired_rank_intervals([[3.0], [1.0]]) == ["1"]
    assert paired_rank_intervals(np.empty((2, 0))) == []


def test_equal_scores_tie_and_a_constant_difference_does_not() -> None:
    assert paired_rank_intervals([[1.0, 1.0, 3.0], [2.0, 2.0, 4.0]]) == ["2–3", "2–3", "1"]


def test_the_place_of_a_stranger() -> None:
    ranked = [Estimate(3, 0.1, 3), Estimate(2, 0.1, 3), Estimate(1, 0.1, 3)]
    assert place_among(Estimate(2.5, 0.1, 3), ranked) == "2"
    assert place_among(Estimate(2.0, 0.1, 3), ranked) == "2–3"
    assert place_among(Estimate(9.0, math.nan, 1), ranked) == "1–4"
    assert place_among(Estimate(9.0, 0.1, 2), []) == "1"
