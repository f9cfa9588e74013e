"""Distributions of ranks against scipy.stats, published tables, and counting."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mobench.reports.analysis.null_distributions import MOST_EXACT, friedman_p, range_quantile, ranks, wilcoxon_p

few = st.lists(st.integers(-5, 5), min_size=1, max_size=11)


@given(st.lists(st.integers(-5, 5) | st.floats(-1, 1), min_size=1, max_size=30))
def test_ranks_are_scipys(values: list[float]) -> None:
    assert ranks(np.array(values, dtype=float)).tolist() == stats.rankdata(values).tolist()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("n", "k"), [(2, 8), (8, 3), (12, 5), (142, 7)])
def test_friedman_is_scipys(n: int, k: int, ties: bool) -> None:
    values = np.random.default_rng(n).normal(size=(n, k)) + 0.2 * np.arange(k)
    values = np.round(values) if ties else values
    assert friedman_p(values) == pytest.approx(stats.friedmanchisquare(*values.T).pvalue, rel=1e-9)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (6, 2.850), (10, 3.164)])
def test_the_range_is_that_of_demsars_table(k: int, q: float) -> None:
    """Table 5a of the paper, at 0.05, which cuts digits off; q is the range over √2."""
    assert range_quantile(0.95, k) / 2**0.5 == pytest.approx(q, abs=1e-3)


@pytest.mark.parametrize("probability", [0.5, 0.9, 0.95, 0.999])
@pytest.mark.parametrize("k", [2, 3, 17, 60])
def test_the_range_is_scipys(k: int, probability: float) -> None:
    assert range_quantile(probability, k) == pytest.approx(
        stats.studentized_range.ppf(probability, k, np.inf), rel=1e-5
    )


@pytest.mark.parametrize("probability", [0.5, 0.95, 0.9999])
def test_the_range_of_two_is_a_normal_variable(probability: float) -> None:
    """|x − y| is √2 times that of one standard normal variable."""
    assert range_quantile(probability, 2) == pytest.approx(2**0.5 * stats.norm.ppf((1 + probability) / 2), rel=1e-10)


@given(few)
def test_wilcoxon_counts_what_all_signs_would_give(differences: list[int]) -> None:
    d = np.array(differences, dtype=float)
    sizes = stats.rankdata(np.abs(d[d != 0]))
    observed = abs((np.sign(d[d != 0]) * sizes).sum())
    sums = [abs((np.array(signs) * sizes).sum()) for signs in product((-1, 1), repeat=len(sizes))]
    assert wilcoxon_p(d) == pytest.approx(np.mean([s >= observed - 1e-9 for s in sums]))


@settings(max_examples=50)
@given(st.integers(1, 120), st.integers(0, 2**32 - 1), st.floats(-1, 1))
def test_wilcoxon_without_ties_is_scipys(n: int, seed: int, shift: float) -> None:
    d = np.random.default_rng(seed).normal(size=n) + shift
    assert wilcoxon_p(d) == pytest.approx(stats.wilcoxon(d).pvalue, rel=1e-9)


@settings(max_examples=50)
@given(st.integers(MOST_EXACT + 30, 200), st.integers(0, 2**32 - 1))
def test_wilcoxon_of_many_ties_is_scipys(n: int, seed: int) -> None:
    d = np.random.default_rng(seed).integers(-9, 12, size=n).astype(float)
    assert wilcoxon_p(d) == pytest.approx(stats.wilcoxon(d, method="asymptotic").pvalue, rel=1e-9)


def test_no_difference_is_no_evidence() -> None:
    assert wilcoxon_p(np.zeros(9)) == 1.0


@pytest.mark.slow
def test_a_comparison_does_without_scipy_stats() -> None:
    """Importing it takes as long as the rest of a small leaderboard."""
    program = (
        "import sys, pandas; from mobench.reports.analysis.ranking import rank;"
        "found = rank(pandas.DataFrame([[1., 2., 3., 4.]] * 20));"
        "assert found.pairwise and found.critical_difference and found.friedman_p < 0.001;"
        "assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
