"""Null distributions of Friedman's, Nemenyi's and Wilcoxon's tests.

`scipy.stats` has the same distributions, and the tests compare this module with it. Importing `scipy.stats` takes
longer than everything else that a leaderboard needs, so this module builds on `scipy.special` only.

Sources: Conover, Practical Nonparametric Statistics (1999), 5.7 and 5.8, for both statistics with ties; Demšar,
JMLR 7 (2006), for the studentized range.
"""

from __future__ import annotations

import math

import numpy as np

from mobench.arrays import FloatArray

MOST_EXACT = 50
"""Largest number of differences for the exact distribution of Wilcoxon's test; above it a normal one is used."""


def ranks(values: FloatArray) -> FloatArray:
    """Return the ranks [n] of values [n], 1 for the smallest; equal values share the mean of their ranks."""
    _, positions, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: FloatArray = np.cumsum(counts) - (counts - 1) / 2
    return shared[positions]


def friedman_p(values: FloatArray) -> float:
    """Return p of Friedman's test for values [n, k] of k solvers on n blocks, by the chi-squared approximation.

    At least one block must contain different values.
    """
    n, k = values.shape
    rank_rows = np.array([ranks(row) for row in values])
    between = ((rank_rows.sum(axis=0) - n * (k + 1) / 2) ** 2).sum()
    within = (rank_rows**2).sum() - n * k * (k + 1) ** 2 / 4
    return chi_squared_p((k - 1) * between / within, k - 1)


def chi_squared_p(statistic: float, degrees: int) -> float:
    """Return the probability that a chi-squared variable exceeds the statistic."""
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))


def range_quantile(probability: float, k: int) -> float:
    """Return a quantile of the range of k independent standard normal variables.

    This is the studentized range with infinitely many degrees of freedom. The integral
    P(range ≤ q) = k ∫ φ(z) [Φ(z) − Φ(z − q)]ᵏ⁻¹ dz is computed by the trapezoidal rule, whose error vanishes faster
    than any power of the step for such an integrand.
    """
    from scipy.special import ndtr

    z = np.linspace(-9.0, 9.0, 721)
    density = k * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    below = ndtr(z)
    low, high = 0.0, 20.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        if (density * (below - ndtr(z - middle)) ** (k - 1)).sum() < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def wilcoxon_p(differences: FloatArray) -> float:
    """Return the two-sided p of Wilcoxon's signed-rank test of paired differences [n]; zeros are dropped.

    p is exact, also with ties, for at most `MOST_EXACT` differences. It is 1 if all differences are zero.
    """
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 1.0
    signed_ranks = ranks(np.abs(nonzero))
    positive = signed_ranks[nonzero > 0].sum()
    smaller = min(positive, signed_ranks.sum() - positive)
    if len(signed_ranks) <= MOST_EXACT:
        return min(1.0, 2 * _below(signed_ranks, smaller))
    from scipy.special import ndtr

    # Σ r²/4 is the variance of the sum of ranks under random signs, with or without ties
    return float(2 * ndtr((smaller - signed_ranks.sum() / 2) / math.sqrt((signed_ranks**2).sum() / 4)))


def _below(signed_ranks: FloatArray, limit: float) -> float:
    """Return the share of all 2ⁿ choices of signs for which the positive ranks sum to at most `limit`."""
    doubled = np.rint(2 * signed_ranks).astype(int)  # tied ranks can end in .5
    share = np.zeros(doubled.sum() + 1)
    share[0] = 1.0
    for rank in doubled:
        share[rank:] = share[rank:] / 2 + share[: len(share) - rank] / 2
        share[:rank] /= 2
    return float(share[: round(2 * limit) + 1].sum())
