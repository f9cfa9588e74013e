"""Aggregates over tasks and paired tests, against rliable, baycomp, scipy and published numbers.

The reference values are from rliable 1.2.0 and baycomp 1.0.3: `metrics.aggregate_iqm`,
`metrics.probability_of_improvement`, `library.get_interval_estimates` (20,000 resamples) and
`SignedRankTest.probs(b, a, rope, nsamples=200000)` on the scores below, one row per seed.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test, trim_mean

from mobench.reports.analysis import aggregates, paired_tests
from mobench.reports.analysis.null_distributions import ranks, wilcoxon_p

A = np.array(
    [
        [0.665, 0.715, 0.681, 0.663, 0.627, 0.694, 0.631, 0.768, 0.789, 0.615, 0.738, 0.659],
        [0.67, 0.778, 0.521, 0.526, 0.506, 0.75, 0.733, 0.761, 0.794, 0.74, 0.638, 0.734],
        [0.535, 0.692, 0.543, 0.783, 0.657, 0.624, 0.579, 0.732, 0.637, 0.671, 0.506, 0.685],
        [0.684, 0.685, 0.783, 0.705, 0.608, 0.631, 0.709, 0.518, 0.7, 0.701, 0.563, 0.539],
        [0.595, 0.609, 0.671, 0.632, 0.797, 0.531, 0.563, 0.548, 0.696, 0.576, 0.64, 0.573],
    ]
)
B = np.array(
    [
        [0.645, 0.766, 0.666, 0.659, 0.682, 0.62, 0.56, 0.787, 0.722, 0.673, 0.701, 0.609],
        [0.727, 0.817, 0.576, 0.542, 0.452, 0.806, 0.702, 0.773, 0.812, 0.714, 0.643, 0.751],
        [0.53, 0.628, 0.535, 0.816, 0.609, 0.598, 0.542, 0.786, 0.644, 0.667, 0.455, 0.687],
        [0.637, 0.666, 0.738, 0.712, 0.611, 0.603, 0.705, 0.454, 0.62, 0.699, 0.55, 0.544],
        [0.67, 0.627, 0.614, 0.657, 0.724, 0.493, 0.54, 0.597, 0.646, 0.523, 0.616, 0.526],
    ]
)

C45 = [0.763, 0.599, 0.954, 0.628, 0.882, 0.936, 0.661, 0.583, 0.775, 1.0, 0.940, 0.619, 0.972, 0.957]
C45_M = [0.768, 0.591, 0.971, 0.661, 0.888, 0.931, 0.668, 0.583, 0.838, 1.0, 0.962, 0.666, 0.981, 0.978]
"""Demšar (JMLR 7, 2006), table 6: AUC of C4.5 on 14 data sets, and with its parameter m tuned."""


def test_interquartile_mean_and_probability_of_improvement_are_those_of_rliable() -> None:
    assert aggregates.iqm(A.ravel()) == pytest.approx(0.6591666666666666, abs=1e-12)
    assert aggregates.iqm(B.ravel()) == pytest.approx(0.6467000000000002, abs=1e-12)
    assert aggregates.probability_of_improvement(list(A.T), list(B.T)) == pytest.approx(0.5416666666666666, abs=1e-12)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_interquartile_mean_is_the_trimmed_mean_of_scipy(values: list[float]) -> None:
    assert aggregates.iqm(values) == pytest.approx(trim_mean(values, 0.25), abs=1e-12)


def test_intervals_are_somewhat_wider_than_those_of_rliable() -> None:
    """The variance is multiplied by 5/4, and Student's t has 24 degrees of freedom: 1.118 × 2.064 / 1.960 = 1.18."""
    for scores, (low, high) in ((A, (0.63397, 0.68183)), (B, (0.62077, 0.66947))):
        ours = aggregates.iqm_interval(list(scores.T))
        assert (ours[1] - ours[0]) / (high - low) == pytest.approx(1.18, abs=0.08)
        assert sum(ours) / 2 == pytest.approx((low + high) / 2, abs=0.002)
    low, high = aggregates.improvement_interval(list(A.T), list(B.T))
    assert (high - low) / (0.65004 - 0.43) == pytest.approx(2.064 / 1.96, abs=0.08)


def test_intervals_need_two_seeds_or_two_tasks() -> None:
    assert np.isnan(aggregates.iqm_interval([[0.1], [0.2, 0.3]])).all()
    assert np.isnan(aggregates.iqm_interval([[0.1, 0.2]], "tasks")).all()
    assert np.isnan(aggregates.improvement_interval([[0.1]], [[0.2]])).all()
    assert not np.isnan(aggregates.iqm_interval([[0.1], [0.2, 0.3]], "tasks")).any()


@pytest.mark.parametrize(
    ("rope", "expected"),
    [
        (0.0, (0.022815, 0.0, 0.977185)), (0.005, (0.026475, 0.02235, 0.951175)),
        (0.01, (0.00194, 0.423285, 0.574775)), (0.02, (0.0, 0.97123, 0.02877)),
    ],
)  # fmt: skip
def test_bayesian_signed_rank_probabilities_are_those_of_baycomp(
    rope: float, expected: tuple[float, float, float]
) -> None:
    """Both are sampled: four standard errors of 50,000 samples are 0.009."""
    result = paired_tests.signed_rank_probabilities(A.mean(axis=0) - B.mean(axis=0), rope)
    assert (result.below, result.equivalent, result.above) == pytest.approx(expected, abs=0.009)


def test_bayesian_probabilities_of_no_and_of_clear_differences() -> None:
    none = paired_tests.signed_rank_probabilities(np.zeros(10), 0.01)
    assert (none.below, none.equivalent, none.above) == (0.0, 1.0, 0.0)
    clear = paired_tests.signed_rank_probabilities(np.full(10, -0.5), 0.01)
    assert clear.below > 0.99
    tied = paired_tests.signed_rank_probabilities(np.array([0.0, 0.0]))
    assert (tied.below, tied.above) == (0.5, 0.5)


def test_wilcoxon_on_the_published_example_of_demsar() -> None:
    """The paper states R⁺ = 93 and R⁻ = 12, with the ranks of zeros divided, and rejects at 0.05."""
    differences = np.round(np.array(C45_M, dtype=np.float64) - np.array(C45, dtype=np.float64), 3)
    of_sizes = ranks(np.abs(differences))
    zeros = of_sizes[differences == 0].sum() / 2
    assert of_sizes[differences > 0].sum() + zeros == 93
    assert of_sizes[differences < 0].sum() + zeros == 12
    assert wilcoxon_p(differences) < 0.05
    assert wilcoxon_p(differences) == pytest.approx(_exact_p(differences[differences != 0]))


def _exact_p(differences: np.ndarray[Any, Any]) -> float:
    """Return p of Wilcoxon's test by counting all choices of signs."""
    sizes = ranks(np.abs(differences))
    signs = np.array(list(product([0, 1], repeat=len(sizes))))
    smaller = min(sizes[differences > 0].sum(), sizes[differences < 0].sum())
    return min(1.0, 2 * float((signs @ sizes <= smaller).mean()))


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=7))
@settings(deadline=None)
def test_sign_flips_count_every_choice_of_signs(values: list[int]) -> None:
    differences = np.array(values, dtype=float)
    sums = [abs(float(np.dot(signs, differences))) for signs in product([1, -1], repeat=len(values))]
    share = np.mean([value >= abs(differences.sum()) for value in sums])
    assert paired_tests.sign_flip_p(differences) == pytest.approx(share)


def test_sign_flips_are_the_permutation_test_of_scipy() -> None:
    differences = A[:, 0] - B[:, 1]
    reference = permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=9999)
    assert paired_tests.sign_flip_p(differences) == pytest.approx(reference.pvalue)
    many = np.random.default_rng(0).normal(0.5, 1.0, 20)
    drawn = permutation_test((many,), np.mean, permutation_type="samples", n_resamples=50_000, rng=1)
    assert paired_tests.sign_flip_p(many) == pytest.approx(drawn.pvalue, abs=0.01)
    assert paired_tests.sign_flip_p(np.empty(0)) == 1.0
