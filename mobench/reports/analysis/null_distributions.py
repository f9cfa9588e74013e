"""Exact p-values of Wilcoxon's signed-rank test.

`scipy.stats` has the same test, and the tests compare this module with it. Importing `scipy.stats` takes longer than
everything else that a leaderboard needs, so this module builds on `scipy.special` only.

Source: Conover, Practical Nonparametric Statistics (1999), 5.7, for the statistic with ties.
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
