"""Rankings against scipy and statsmodels, and hand computations."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mobench.reports.analysis.ranking import holm, rank, rank_biserial


def scores(n: int, k: int, seed: int = 0, shift: float = 0.0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(n, k)) - shift * np.arange(k)
    return pd.DataFrame(values, columns=[f"s{i}" for i in range(k)])


def test_means_and_average_ranks_by_hand() -> None:
    ranking = rank([pd.DataFrame({"a": [3.0, 1.0], "b": [2.0, 1.0], "c": [1.0, 2.5]})])
    assert ranking.solvers == ["a", "c", "b"]
    assert ranking.means == [2.0, 1.75, 1.5]
    assert ranking.average_ranks == [1.75, 2.0, 2.25]  # ranks 1, 2.5; 3, 1; 2, 2.5
    assert ranking.ranks == ["1", "2", "3"], "places, because two seeds separate nothing"
    assert (ranking.n_blocks, ranking.n_left_out, ranking.is_separated) == (2, 0, False)


def test_smaller_is_better_where_asked() -> None:
    table = pd.DataFrame({"a": [3.0, 3.0], "b": [2.0, 1.0]})
    assert rank([table]).solvers == ["a", "b"]
    smaller = rank([table], higher_is_better=False)
    assert (smaller.solvers, smaller.means) == (["b", "a"], [1.5, 3.0])
    (pair,) = smaller.pairs()
    assert (pair.better, pair.worse, pair.difference) == ("b", "a", 1.5)


def test_seeds_with_a_missing_score_are_left_out_and_counted() -> None:
    ranking = rank([pd.DataFrame({"a": [3.0, 1.0, math.nan], "b": [2.0, 2.0, 0.0]})])
    assert (ranking.n_blocks, ranking.n_left_out) == (2, 1)
    assert ranking.average_ranks == [1.5, 1.5]


def test_tasks_are_the_blocks_of_several_tasks() -> None:
    ranking = rank([scores(3, 4, seed, shift=2.0) for seed in range(5)])
    assert (ranking.n_blocks, ranking.comparison.n_blocks) == (5, 15)
    assert ranking.solvers == ["s0", "s1", "s2", "s3"]
    assert ranking.ranks == ["1", "2", "3", "4"]


def test_pairs_are_holm_corrected_wilcoxon_tests_with_a_bootstrap_interval() -> None:
    from statsmodels.stats.multitest import multipletests

    table = scores(11, 4, shift=0.5)
    pairs = rank([table]).pairs()
    raw = [stats.wilcoxon(table[pair.better], table[pair.worse]).pvalue for pair in pairs]
    assert len(raw) == 6
    assert [pair.p for pair in pairs] == pytest.approx(raw)
    assert [pair.p_holm for pair in pairs] == pytest.approx(multipletests(raw, method="holm")[1])
    for pair in pairs:
        difference = (table[pair.better] - table[pair.worse]).mean()
        assert pair.difference == pytest.approx(difference)
        assert pair.low < difference < pair.high
        assert pair.is_ahead == (pair.low > 0)
    assert any(pair.is_ahead for pair in pairs)
    assert pairs[2].effect_size > 0


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


def test_the_solvers_that_the_best_is_not_ahead_of() -> None:
    table = pd.DataFrame({"a": [3.0, 3.1, 3.2, 3.0, 3.1], "b": [3.1, 3.0, 3.1, 3.0, 3.0], "c": [1.0] * 5})
    ranking = rank([table])
    assert ranking.ranks == ["1–2", "1–2", "3"]
    assert ranking.tied_with_best() == ["b"]
    assert ranking.indistinguishable() == [["a", "b"]]
    assert rank([table.head(3)]).indistinguishable() == []


def test_runs_without_a_separated_pair_may_overlap() -> None:
    """a and b are level, b and c are level, a is ahead of c."""
    table = pd.DataFrame({"a": [2.0, 2.1, 2.0, 2.1, 2.0], "b": [2.2, 1.4, 2.1, 1.5, 2.2], "c": [1.6] * 5})
    assert rank([table]).indistinguishable() == [["a", "b"], ["b", "c"]]


@pytest.mark.parametrize(("n", "k"), [(0, 3), (3, 1), (0, 0), (1, 2)])
def test_next_to_nothing_separates_nothing(n: int, k: int) -> None:
    ranking = rank([scores(n, k)])
    assert (ranking.is_separated, len(ranking.solvers), len(ranking.ranks)) == (False, k, k)
    assert len(ranking.pairs()) == (1 if (n, k) == (1, 2) else 0)
    assert rank([]).solvers == []


def test_solvers_that_always_tie() -> None:
    ranking = rank([pd.DataFrame(np.ones((20, 3)), columns=list("abc"))])
    assert ranking.average_ranks == [2.0, 2.0, 2.0]
    assert {(pair.p, pair.effect_size, pair.is_ahead) for pair in ranking.pairs()} == {(1.0, 0.0, False)}
    assert ranking.tied_with_best() == ["b", "c"]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 9), st.integers(2, 5), st.integers(0, 99))
def test_ranks_sum_and_the_order_of_solvers_does_not_matter(n: int, k: int, seed: int) -> None:
    table = scores(n, k, seed).round(0)
    ranking, other = rank([table]), rank([table[table.columns[::-1]]])
    assert sum(ranking.average_ranks) == pytest.approx(k * (k + 1) / 2)
    assert (other.solvers, other.ranks, other.average_ranks) == (
        ranking.solvers, ranking.ranks, ranking.average_ranks
    )  # fmt: skip
