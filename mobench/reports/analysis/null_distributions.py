"""How likely ranks are where all solvers are alike: what Friedman's, Nemenyi's and Wilcoxon's tests go by.

`scipy.stats` has them too, and is what the tests hold these to; to import it takes longer than all else that a
leaderboard does. Here is only what `scipy.special` leaves to do.

Sources: Conover, Practical Nonparametric Statistics (1999), 5.7 and 5.8, for both statistics with ties; Demšar,
JMLR 7 (2006), for the studentized range.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MOST_EXACT = 50
"""Up to so many differences Wilcoxon's distribution is counted out, above it is taken as normal."""


def ranks(values: Array) -> Array:
    """Ranks [n] of values [n], 1 for the smallest; equal values share the mean of their places."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    shared: Array = np.cumsum(counts) - (counts - 1) / 2
    return shared[where]


def friedman_p(values: Array) -> float:
    """p of Friedman's test of k solvers on n blocks, values [n, k], by the chi-squared approximation.

    At least one block must tell solvers apart.
    """
    n, k = values.shape
    each = np.array([ranks(row) for row in values])
    between = ((each.sum(axis=0) - n * (k + 1) / 2) ** 2).sum()
    within = (each**2).sum() - n * k * (k + 1) ** 2 / 4
    return chi_squared_p((k - 1) * between / within, k - 1)


def chi_squared_p(statistic: float, degrees: int) -> float:
    """Probability of a chi-squared variable above the statistic."""
    from scipy.special import chdtrc

    return float(chdtrc(degrees, statistic))


def range_quantile(probability: float, k: int) -> float:
    """The quantile of the range of k independent standard normal variables: the studentized range's, with
    infinitely many degrees of freedom.

    P(range ≤ q) = k ∫ φ(z) [Φ(z) − Φ(z − q)]ᵏ⁻¹ dz, by the trapezoidal rule, whose error vanishes faster than any
    power of the step for such an integrand.
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


def wilcoxon_p(differences: Array) -> float:
    """Two-sided p of Wilcoxon's signed-rank test of paired differences [n]; those of zero have no part in it.

    Up to `MOST_EXACT` differences the exact one, given the ties that there are; 1 without any difference.
    """
    apart = differences[differences != 0]
    if not len(apart):
        return 1.0
    each = ranks(np.abs(apart))
    positive = each[apart > 0].sum()
    smaller = min(positive, each.sum() - positive)
    if len(each) <= MOST_EXACT:
        return min(1.0, 2 * _below(each, smaller))
    from scipy.special import ndtr

    # Σ r²/4 is the variance of the sum of ranks under random signs, ties or not
    return float(2 * ndtr((smaller - each.sum() / 2) / math.sqrt((each**2).sum() / 4)))


def _below(each: Array, limit: float) -> float:
    """The share of all 2ⁿ choices of signs with which the positive ranks sum to no more than the limit."""
    doubled = np.rint(2 * each).astype(int)  # ranks of ties end in .5
    share = np.zeros(doubled.sum() + 1)
    share[0] = 1.0
    for rank in doubled:
        share[rank:] = share[rank:] / 2 + share[: len(share) - rank] / 2
        share[:rank] /= 2
    return float(share[: round(2 * limit) + 1].sum())
