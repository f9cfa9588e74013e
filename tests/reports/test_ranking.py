"""Ranks and tests against scipy, scikit-posthocs, statsmodels, and hand computations."""

from __future__ import annotations

import math
from itertools import product
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mobench.reports.analysis.ranking import Ranking, blocks_needed, holm, rank, rank_biserial


def scores(n: int, k: int, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(n, k)) - shift * np.arange(k)
    return pd.DataFrame(values, columns=[f"s{i}" for i in range(k)])


def test_average_ranks_by_hand() -> None:
    ranking = rank(pd.DataFrame({"a": [3.0, 1.0], "b": [2.0, 1.0], "c": [1.0, 2.0]}))
    assert ranking.solvers == ["a", "c", "b"]  # ranks 1, 2.5; 3, 1; 2, 2.5
    assert ranking.average_ranks == [1.75, 2.0, 2.25]
    assert (ranking.n_blocks, ranking.n_left_out) == (2, 0)


def test_smaller_is_better_where_asked() -> None:
    table = pd.DataFrame({"a": [3.0, 3.0], "b": [2.0, 1.0]})
    assert rank(table).solvers == ["a", "b"]
    assert rank(table, higher_is_better=False).solvers == ["b", "a"]


def test_blocks_with_a_missing_score_are_left_out_and_counted() -> None:
    ranking = rank(pd.DataFrame({"a": [3.0, 1.0, math.nan], "b": [2.0, 2.0, 0.0]}))
    assert (ranking.n_blocks, ranking.n_left_out) == (2, 1)
    assert ranking.average_ranks == [1.5, 1.5]


@pytest.mark.parametrize(("n", "k"), [(8, 3), (12, 5), (30, 4)])
def test_friedman_is_scipys(n: int, k: int) -> None:
    table = scores(n, k, shift=0.3)
    assert rank(table).friedman_p == pytest.approx(stats.friedmanchisquare(*table.to_numpy().T).pvalue)


def test_the_critical_difference_is_demsars() -> None:
    """Table 5 of the paper: q is 2.569 for 4 solvers; its example has 14 data sets and the difference 1.25."""
    ranking = rank(scores(14, 4, shift=0.5))
    assert ranking.critical_difference == pytest.approx(2.569 * math.sqrt(4 * 5 / (6 * 14)), rel=1e-3)
    assert round(ranking.critical_difference or 0, 2) == 1.25


def test_ranks_that_far_apart_have_that_p_after_nemenyi() -> None:
    import scikit_posthocs

    table = scores(15, 4, shift=0.4)
    ranking = rank(table)
    p = scikit_posthocs.posthoc_nemenyi_friedman(table.to_numpy())
    for (i, a), (j, b) in product(enumerate(ranking.solvers), repeat=2):
        apart = abs(ranking.average_ranks[i] - ranking.average_ranks[j]) > (ranking.critical_difference or 0)
        assert apart == (p.iloc[int(a[1]), int(b[1])] < 0.05)


def test_pairs_are_holm_corrected_wilcoxon_tests() -> None:
    from statsmodels.stats.multitest import multipletests

    table = scores(11, 4, shift=0.5)
    ranking = rank(table)
    raw = {pair: stats.wilcoxon(table[pair[0]], table[pair[1]]).pvalue for pair in ranking.pairwise}
    assert len(raw) == 6
    assert list(ranking.pairwise.values()) == pytest.approx(multipletests(list(raw.values()), method="holm")[1])
    first, last = ranking.solvers[0], ranking.solvers[-1]
    assert (first, last) in ranking.pairwise
    assert ranking.effect_sizes[first, last] > 0


@settings(deadline=None, max_examples=50)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p: list[float]) -> None:
    from statsmodels.stats.multitest import multipletests

    with patch("gc.collect"):  # multipletests collects garbage, which takes long beside everything that tests keep
        adjusted = multipletests(p, method="holm")[1]
    assert holm(p) == pytest.approx(adjusted)


def test_effect_size_by_hand() -> None:
    """Differences 1, −2, 3, 4, 0: ranks 1, 2, 3, 4; 8 of 10 in favour, 2 against."""
    assert rank_biserial(np.array([1.0, -2.0, 3.0, 4.0, 0.0])) == pytest.approx(0.6)
    assert rank_biserial(np.array([0.1, 0.2])) == 1.0
    assert rank_biserial(np.zeros(3)) == 0.0


@pytest.mark.slow
@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-20, 20), min_size=1, max_size=20))
def test_effect_size_is_the_statistic_of_wilcoxon(d: list[int]) -> None:
    differences = np.array(d, dtype=float)
    assert rank_biserial(-differences) == pytest.approx(-rank_biserial(differences))
    if differences.any():
        smaller = stats.wilcoxon(differences).statistic
        n = np.count_nonzero(differences)
        assert abs(rank_biserial(differences)) == pytest.approx(1 - 4 * smaller / (n * (n + 1)))


@pytest.mark.parametrize("n_pairs", [1, 3, 10, 210])
def test_with_one_block_fewer_no_pair_can_be_told_apart(n_pairs: int) -> None:
    needed = blocks_needed(n_pairs, 0.05)
    always = np.arange(1.0, 40.0)
    assert n_pairs * stats.wilcoxon(always[:needed]).pvalue <= 0.05
    assert n_pairs * stats.wilcoxon(always[: needed - 1]).pvalue > 0.05


def test_too_few_blocks_are_said_and_give_no_p() -> None:
    ranking = rank(scores(2, 3, shift=9.0))
    assert (ranking.friedman_p, ranking.critical_difference, ranking.pairwise) == (None, None, {})
    assert (
        "Friedman's test of 3 solvers on 2 blocks cannot reach p = 0.05: its smallest p is 0.14"
        in ranking.missing_tests
    )
    assert "Wilcoxon's test of 3 pairs needs 7 blocks to reach p = 0.05 after Holm's correction, there are 2" in (
        ranking.missing_tests
    )
    assert set(ranking.effect_sizes.values()) == {1.0}
    assert ranking.indistinguishable == []


@pytest.mark.parametrize("k", [3, 4, 6, 10])
def test_friedman_is_made_as_soon_as_perfect_agreement_could_reject(k: int) -> None:
    n_blocks_tested = [n for n in range(1, 8) if rank(scores(n, k, shift=99.0)).friedman_p is not None]
    for n in range(2, 8):
        smallest = stats.friedmanchisquare(*scores(n, k, shift=99.0).to_numpy().T).pvalue
        assert (n in n_blocks_tested) == (smallest <= 0.05)


def test_two_solvers_have_wilcoxon_alone() -> None:
    ranking = rank(scores(6, 2, shift=9.0))
    assert ranking.friedman_p is None
    assert ranking.pairwise == {("s0", "s1"): pytest.approx(2 / 2**6)}
    assert ranking.missing_tests == "Friedman's test compares 3 or more solvers, there are 2"


@pytest.mark.parametrize(("n", "k"), [(0, 3), (3, 1), (0, 0), (1, 2)])
def test_next_to_nothing_gives_no_test(n: int, k: int) -> None:
    ranking = rank(scores(n, k))
    assert (ranking.friedman_p, ranking.pairwise) == (None, {})
    assert ranking.missing_tests
    assert len(ranking.solvers) == k


def test_solvers_that_always_tie() -> None:
    ranking = rank(pd.DataFrame(np.ones((20, 3)), columns=list("abc")))
    assert ranking.friedman_p is None
    assert "tie in every block" in ranking.missing_tests
    assert ranking.average_ranks == [2.0, 2.0, 2.0]
    assert set(ranking.pairwise.values()) == {1.0}
    assert set(ranking.effect_sizes.values()) == {0.0}


def test_runs_within_the_critical_difference() -> None:
    ranking = Ranking(list("abcd"), [1.0, 1.8, 2.7, 3.9], 9, 0.01, 1.0, {}, {}, "")
    assert ranking.indistinguishable == [["a", "b"], ["b", "c"]]
    assert Ranking(list("ab"), [1.0, 2.0], 9, None, None, {}, {}, "x").indistinguishable == []


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 9), st.integers(2, 5), st.integers(0, 99))
def test_ranks_sum_and_the_order_of_solvers_does_not_matter(n: int, k: int, seed: int) -> None:
    table = scores(n, k, seed).round(0)
    ranking = rank(table)
    assert sum(ranking.average_ranks) == pytest.approx(k * (k + 1) / 2)
    reversed_ranking = rank(table[table.columns[::-1]])
    assert reversed_ranking == ranking


@pytest.mark.slow
def test_false_rejections_are_no_more_frequent_than_alpha() -> None:
    """If solvers are equal, at most 5 % of tables have a significant pair (400 tables: within 3 deviations)."""
    wrong = sum(min(rank(scores(8, 3, seed)).pairwise.values()) <= 0.05 for seed in range(400))
    assert wrong / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)
