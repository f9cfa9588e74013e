"""Paired bootstrap against enumeration of all resamples, its error rates, and its independence of other solvers."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mobench.reports.analysis.paired import (
    MIN_BLOCKS,
    PairedComparison,
    compare_pairs,
    expanded_tail,
    rank_intervals,
    seed_shares,
)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_resamples_of_seeds_are_all_that_exist(n: int) -> None:
    """Each of the nⁿ ordered resamples has the same probability."""
    counted: dict[tuple[float, ...], float] = {}
    for drawn in product(range(n), repeat=n):
        share = tuple(np.bincount(drawn, minlength=n) / n)
        counted[share] = counted.get(share, 0.0) + n**-n
    shares, weights = seed_shares(n)
    assert {tuple(s): pytest.approx(w) for s, w in zip(shares.tolist(), weights, strict=True)} == counted


def test_many_seeds_are_drawn_with_equal_probability() -> None:
    shares, weights = seed_shares(12)
    assert weights.sum() == pytest.approx(1.0)
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert shares.mean(axis=0) == pytest.approx(np.full(12, 1 / 12), abs=0.005)


@pytest.mark.parametrize("n", [5, 8, 30])
def test_the_tail_is_hesterbergs(n: int) -> None:
    expected = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.975, n - 1))
    assert expanded_tail(n) == pytest.approx(expected)
    assert expanded_tail(n) < 0.025
    assert expanded_tail(10_000) == pytest.approx(0.025, abs=1e-4)


def test_the_interval_is_that_of_all_resamples_by_hand() -> None:
    """Six differences: the ends are the quantiles of the means of all 6⁶ resamples."""
    differences = np.array([0.1, 0.2, 0.3, 0.5, -0.1, 0.4])
    means = np.sort([np.mean(drawn) for drawn in product(differences, repeat=6)])
    comparison = compare_pairs([np.stack([differences, np.zeros(6)], axis=1)])
    skipped = math.floor(expanded_tail(6) * 6**6)
    assert comparison.interval(0, 1) == pytest.approx((means[skipped], means[-1 - skipped]))
    assert comparison.interval(1, 0) == pytest.approx((-means[-1 - skipped], -means[skipped]))


def test_the_interval_is_about_as_wide_as_students() -> None:
    draws = np.random.default_rng(0).normal(1.0, 1.0, (30, 8))
    ratios = []
    for differences in draws:
        low, high = compare_pairs([np.stack([differences, np.zeros(8)], axis=1)]).interval(0, 1)
        ratios.append((high - low) / (2 * stats.t.ppf(0.975, 7) * stats.sem(differences)))
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.08)


def test_clear_differences_give_single_ranks_and_others_intervals() -> None:
    level = np.array([[0.1], [-0.1], [0.2], [0.0], [5.0]])  # effects of the seed that solvers share do not count
    noise = np.array([[0.01, -0.01, 0.0], [-0.01, 0.02, 0.01], [0.0, 0.0, -0.01], [0.02, 0.01, 0.0], [0.01, 0.0, 0.03]])
    assert rank_intervals(compare_pairs([level + noise + np.array([3.0, 2.0, 1.0])])) == ["1", "2", "3"]
    assert rank_intervals(compare_pairs([level + noise + np.array([3.0, 1.0, 1.0])])) == ["1", "2–3", "2–3"]


def test_where_nothing_is_separated_ranks_are_places() -> None:
    few = compare_pairs([[[1.0, 9.0, 5.0]] * (MIN_BLOCKS - 1)])
    assert not few.ahead.any()
    assert rank_intervals(few) == ["3", "1", "2"]
    assert all(map(math.isnan, few.interval(1, 0)))
    equal = compare_pairs([np.ones((9, 2))])
    assert rank_intervals(equal) == ["1", "2"]
    assert rank_intervals(compare_pairs([[[3.0]] * 6])) == ["1"]
    assert rank_intervals(compare_pairs([])) == []
    assert rank_intervals(compare_pairs([np.empty((0, 2))])) == ["1", "2"]


def test_a_constant_difference_is_clear() -> None:
    assert rank_intervals(compare_pairs([[[i, i, i + 2.0] for i in range(5)]])) == ["2–3", "2–3", "1"]


def test_several_tasks_with_one_seed_each_are_resampled_as_tasks() -> None:
    """With one seed per task, the resamples are those of the tasks: the interval is near the exact one."""
    differences = np.array([0.1, 0.2, 0.3, 0.5, -0.1, 0.4])
    tasks = [np.array([[d, 0.0]]) for d in differences]
    exact = compare_pairs([np.stack([differences, np.zeros(6)], axis=1)])
    drawn = compare_pairs(tasks)
    assert drawn.tail == exact.tail
    assert drawn.means == pytest.approx(exact.means)
    assert drawn.interval(0, 1) == pytest.approx(exact.interval(0, 1), abs=0.06)


def test_the_variance_over_tasks_and_seeds_is_that_of_the_formula() -> None:
    """Var = (variance of task means) / T + mean of (variance within a task) / (T n), both with divisors T and n."""
    random = np.random.default_rng(3)
    tasks = [random.normal(level, 1.0, (4, 1)) for level in (0.0, 1.0, 3.0)]
    within = np.mean([task.var() / 4 for task in tasks]) / 3
    between = np.var([task.mean() for task in tasks]) / 3
    assert compare_pairs(tasks).resampled.var() == pytest.approx(within + between, rel=0.05)


def test_one_seed_of_two_tasks_decides_nothing() -> None:
    assert not compare_pairs([[[1.0, 0.0]], [[1.0, 0.0]]]).ahead.any()


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 3), st.integers(2, 7), st.integers(2, 6), st.integers(0, 10_000))
def test_a_verdict_does_not_depend_on_the_other_solvers(n_tasks: int, n_seeds: int, k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    tasks = [random.normal(np.arange(k) / 2, 1.0, (n_seeds, k)) for _ in range(n_tasks)]
    everybody = compare_pairs(tasks)
    i, j = random.choice(k, 2, replace=False)
    pair = compare_pairs([task[:, [i, j]] for task in tasks])
    assert (pair.ahead[0, 1], pair.ahead[1, 0]) == (everybody.ahead[i, j], everybody.ahead[j, i])
    np.testing.assert_allclose(pair.interval(0, 1), everybody.interval(int(i), int(j)), atol=1e-12)


@settings(deadline=None, max_examples=12)
@given(st.integers(1, 3), st.integers(2, 7), st.integers(0, 10_000))
def test_a_solver_is_ahead_exactly_if_its_interval_lies_above_zero(n_tasks: int, n_seeds: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    comparison = compare_pairs([random.normal([0.0, 0.8, 1.6], 1.0, (n_seeds, 3)) for _ in range(n_tasks)])
    for i, j in product(range(3), repeat=2):
        if i != j:
            assert comparison.ahead[i, j] == (comparison.interval(i, j)[0] > 0)
    assert not (comparison.ahead & comparison.ahead.T).any()


def test_equal_solvers_are_separated_in_about_five_of_a_hundred_tables() -> None:
    random = np.random.default_rng(1)
    wrong = np.mean([compare_pairs([random.normal(size=(6, 2))]).ahead.any() for _ in range(1000)])
    assert wrong <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 1000)
    assert wrong >= 0.02


def test_a_missing_score_separates_nobody_from_its_solver() -> None:
    scores = np.array([[3.0, 1.0, 0.0]] * 6) + np.arange(6)[:, None] / 100
    scores[0, 1] = math.nan
    comparison: PairedComparison = compare_pairs([scores])
    assert comparison.ahead.tolist() == [[False, False, True], [False] * 3, [False] * 3]
