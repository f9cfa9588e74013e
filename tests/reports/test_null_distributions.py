"""Wilcoxon's test against scipy.stats and counting."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from mobench.reports.analysis.null_distributions import MOST_EXACT, ranks, wilcoxon_p

few = st.lists(st.integers(-5, 5), min_size=1, max_size=11)


@given(st.lists(st.integers(-5, 5) | st.floats(-1, 1), min_size=1, max_size=30))
def test_ranks_are_scipys(values: list[float]) -> None:
    assert ranks(np.array(values, dtype=float)).tolist() == stats.rankdata(values).tolist()


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
        "ranking = rank([pandas.DataFrame([[1., 2., 3., 4.]] * 20)]);"
        "assert ranking.is_separated and len(ranking.pairs()) == 6;"
        "assert 'scipy.stats' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=120)
