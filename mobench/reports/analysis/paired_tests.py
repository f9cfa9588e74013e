"""Tests of two solvers: sign flips over the seeds of a task, and the Bayesian signed-rank test over tasks.

Each result uses the scores of these two solvers only. Wilcoxon's test is in `null_distributions`.

Sources: Fisher, The Design of Experiments (1935), section 21, for the permutation of signs; Benavoli et al., A Bayesian
Wilcoxon signed-rank test based on the Dirichlet process (ICML 2014), and Benavoli et al., Time for a Change (JMLR 18,
2017), section 4.2.1, for the region of practical equivalence. Library baycomp has the same test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobench.arrays import FloatArray

MOST_EXACT_FLIPS = 16
"""Largest number of differences for which all 2ⁿ choices of signs are counted; above it signs are drawn."""
N_DRAWN = 50_000
"""Number of drawn choices of signs, and of samples from the posterior distribution."""
PRIOR_STRENGTH = 0.5
"""Weight of the prior observation, a difference of 0, relative to one task."""


def sign_flip_p(differences: FloatArray) -> float:
    """Return the two-sided p of the mean of paired differences [n] under random signs; 1 if there are none.

    It is exact for at most `MOST_EXACT_FLIPS` differences. Otherwise signs are drawn, and the observed choice counts as
    one of them, so that p is valid.
    """
    n = len(differences)
    if not n:
        return 1.0
    observed = abs(float(differences.sum()))
    limit = observed - 1e-12 * float(np.abs(differences).sum())
    if n <= MOST_EXACT_FLIPS:
        sums = np.zeros(1)
        for difference in differences:
            sums = np.concatenate([sums + difference, sums - difference])
        return float((np.abs(sums) >= limit).mean())
    signs = np.random.default_rng(n).choice([-1.0, 1.0], size=(N_DRAWN, n))
    return float((1 + (np.abs(signs @ differences) >= limit).sum()) / (1 + N_DRAWN))


@dataclass(frozen=True)
class PracticalDifference:
    """Posterior probabilities that the typical difference lies below, inside and above a region around 0; sum 1."""

    below: float
    equivalent: float
    above: float


def signed_rank_probabilities(differences: FloatArray, rope: float = 0.0) -> PracticalDifference:
    """Return the result of the Bayesian signed-rank test of paired differences [n].

    rope: half width of the region of practical equivalence, in the unit of the differences.

    The weights of the differences and of a prior observation at 0 have a Dirichlet distribution. For each sample of the
    weights, the shares of pairs of differences whose mean lies below, inside and above the region are compared, and
    the largest share counts; ties are divided.
    """
    values = np.concatenate([[0.0], differences])
    sums = values[:, None] + values[None, :]
    above = np.heaviside(sums - 2 * rope, 0.5)
    below = np.heaviside(-sums - 2 * rope, 0.5)
    concentration = np.ones(len(values))
    concentration[0] = PRIOR_STRENGTH
    weights = np.random.default_rng(len(values)).dirichlet(concentration, size=N_DRAWN)
    share_above = ((weights @ above) * weights).sum(axis=1)
    share_below = ((weights @ below) * weights).sum(axis=1)
    shares = np.stack([share_below, 1 - share_below - share_above, share_above], axis=1)
    if rope == 0:
        shares[:, 1] = -1.0  # the region is a point, and a share of exactly 0 must not tie
    is_largest = shares >= shares.max(axis=1, keepdims=True) - 1e-12
    below_p, equivalent_p, above_p = (is_largest / is_largest.sum(axis=1, keepdims=True)).mean(axis=0)
    return PracticalDifference(float(below_p), float(equivalent_p), float(above_p))
