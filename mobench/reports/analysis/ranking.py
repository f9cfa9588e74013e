"""Ranking of solvers over blocks that all of them completed: average ranks, tests and effect sizes.

Sources: Demšar, JMLR 7 (2006), for the procedure; Holm 1979 for the correction; Kerby 2014 (the simple
difference formula) for the matched-pairs rank-biserial correlation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray
from mobench.reports.analysis.null_distributions import chi_squared_p, friedman_p, range_quantile, ranks, wilcoxon_p

if TYPE_CHECKING:
    import pandas as pd

SolverPair = tuple[str, str]


@dataclass(frozen=True)
class Ranking:
    """Average ranks of solvers over blocks, with the results of statistical tests.

    solvers:             names, best average rank first; ties are sorted by name.
    average_ranks:       1 is best; solvers that tie in a block share the mean of their ranks.
    n_blocks:            number of blocks in which every solver has a score.
    friedman_p:          p of Friedman's test that all solvers perform equally; None if no test is possible.
    critical_difference: Nemenyi's critical difference at level `alpha`: average ranks that are further apart differ
                         significantly; None if no test is possible.
    pairwise:            (better, worse by average rank) -> Holm-corrected p of Wilcoxon's paired test; empty if no
                         scores at all could make a pair significant.
    effect_sizes:        the same pairs -> matched-pairs rank-biserial correlation in [-1, 1]: the share of the rank
                         sum in favour of the first minus the share against it; 0 if all blocks tie.
    missing_tests:       one sentence on the tests that are missing and why; "" if none is missing.
    n_left_out:          number of blocks that lack the score of some solver.
    """

    solvers: list[str]
    average_ranks: list[float]
    n_blocks: int
    friedman_p: float | None
    critical_difference: float | None
    pairwise: dict[SolverPair, float]
    effect_sizes: dict[SolverPair, float]
    missing_tests: str
    n_left_out: int = 0
    alpha: float = 0.05

    @property
    def indistinguishable(self) -> list[list[str]]:
        """Maximal runs of two or more solvers whose average ranks lie within the critical difference.

        These are the bars of a critical-difference diagram; empty if there is no critical difference.
        """
        if self.critical_difference is None:
            return []
        limit = self.critical_difference + 1e-12
        ends = [
            max(j for j, rank in enumerate(self.average_ranks) if rank - first <= limit) for first in self.average_ranks
        ]
        runs = [(i, end) for i, end in enumerate(ends) if end > i and (i == 0 or ends[i - 1] < end)]
        return [self.solvers[i : end + 1] for i, end in runs]


def rank(scores: pd.DataFrame, alpha: float = 0.05, higher_is_better: bool = True) -> Ranking:
    """Return the average ranks of the solvers, and tests of their differences paired by block.

    scores: one row per block, one column per solver. The scores of a block share the dataset and the seed, so that
        solvers can be compared within it. Blocks must be independent repetitions of the claim. Seeds of one dataset
        support a claim about that dataset only. For a claim about datasets in general, use one block per dataset
        and average its seeds first, as Demšar does. Seeds of one dataset repeat the same data; counting them as
        separate blocks would overstate the sample size. Blocks with a missing score are left out and counted.
    alpha:  significance level. A test that could not reject at this level is not made.

    A test is missing, with the reason in `missing_tests`, if even perfect agreement of all blocks could not reach
    `alpha`. Friedman's chi-squared is at most n (k − 1) for k solvers on n blocks, which gives the smallest possible p
    (by the chi-squared approximation, which is conservative for few blocks). Nemenyi's difference must be below k − 1.
    Wilcoxon's smallest two-sided p is 2/2ⁿ, which Holm multiplies by the number of pairs.
    """
    full_blocks = scores.dropna(axis=0, how="any")
    values: FloatArray = np.asarray(
        full_blocks.to_numpy(dtype=float) * (1 if higher_is_better else -1), dtype=np.float64
    )
    names = [str(c) for c in scores.columns]
    n, k = values.shape
    means = np.mean([ranks(-row) for row in values], axis=0) if n else np.full(k, math.nan)
    order = sorted(range(k), key=lambda i: (means[i] if n else 0.0, names[i]))
    values, names, means = values[:, order], [names[i] for i in order], means[order]
    friedman, why_friedman = _friedman(values, alpha)
    difference, why_difference = _nemenyi(n, k, alpha) if friedman is not None else (None, "")
    pairwise, why_pairwise = _wilcoxon(values, names, alpha)
    reasons = [why for why in (why_friedman, why_difference, why_pairwise) if why]
    return Ranking(
        solvers=names,
        average_ranks=[float(m) for m in means],
        n_blocks=n,
        friedman_p=friedman,
        critical_difference=difference,
        pairwise=pairwise,
        effect_sizes={
            (names[i], names[j]): rank_biserial(values[:, i] - values[:, j]) for i, j in combinations(range(k), 2) if n
        },
        missing_tests="; ".join(reasons),
        n_left_out=len(scores) - n,
        alpha=alpha,
    )


def rank_biserial(differences: FloatArray) -> float:
    """Return the matched-pairs rank-biserial correlation of paired differences, in [-1, 1]; 1 if all are positive.

    Differences of zero are dropped, as in Wilcoxon's test. The result is 0 if all differences are zero.
    """
    d = differences[differences != 0]
    if not len(d):
        return 0.0
    sizes = ranks(np.abs(d))
    return float((sizes * np.sign(d)).sum() / sizes.sum())


def holm(p_values: ArrayLike) -> FloatArray:
    """Return p-values corrected for multiple tests by Holm's method.

    Rejecting at level alpha keeps the family-wise error rate at most alpha under any dependence of the tests.
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p, kind="stable")
    stepped = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)))
    corrected: FloatArray = np.empty(len(p))
    corrected[order] = stepped
    return corrected


def blocks_needed(n_pairs: int, alpha: float) -> int:
    """Return the smallest number of blocks with which one of `n_pairs` Wilcoxon tests can reach `alpha` after Holm."""
    return max(1, math.ceil(math.log2(2 * n_pairs / alpha) - 1e-12))


def _friedman(values: FloatArray, alpha: float) -> tuple[float | None, str]:
    n, k = values.shape
    if k < 3:
        return None, f"Friedman's test compares 3 or more solvers, there {'is' if k == 1 else 'are'} {k}"
    smallest = chi_squared_p(n * (k - 1), k - 1)
    if n < 2 or smallest > alpha:
        return None, (
            f"Friedman's test of {k} solvers on {_blocks(n)} cannot reach p = {alpha:g}: "
            f"its smallest p is {smallest:.2g}"
        )
    if (values == values[:, :1]).all():
        return None, "all solvers tie in every block, so Friedman's test has nothing to rank"
    return friedman_p(values), ""


def _nemenyi(n: int, k: int, alpha: float) -> tuple[float | None, str]:
    difference = range_quantile(1 - alpha, k) / math.sqrt(2) * math.sqrt(k * (k + 1) / (6 * n))
    if difference >= k - 1:
        return None, f"Nemenyi's critical difference, {difference:.3g}, is no less than the most that ranks can differ"
    return difference, ""


def _wilcoxon(values: FloatArray, names: list[str], alpha: float) -> tuple[dict[SolverPair, float], str]:
    n, k = values.shape
    pairs = list(combinations(range(k), 2))
    if not pairs:
        return {}, "there is no pair of solvers to compare"
    needed = blocks_needed(len(pairs), alpha)
    if n < needed:
        n_tests = f"{len(pairs)} pairs" if len(pairs) > 1 else "a pair"
        return {}, (
            f"Wilcoxon's test of {n_tests} needs {needed} blocks to reach p = {alpha:g} after Holm's correction, "
            f"there {'is' if n == 1 else 'are'} {n}"
        )
    corrected = holm([wilcoxon_p(values[:, i] - values[:, j]) for i, j in pairs])
    return {(names[i], names[j]): float(p) for (i, j), p in zip(pairs, corrected, strict=True)}, ""


def _blocks(n: int) -> str:
    return f"{n} block" if n == 1 else f"{n} blocks"
