"""Controllability: rank correlation between preferences and losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def controllability(losses: ArrayLike, preferences: ArrayLike) -> list[float | None]:
    """Return the Spearman correlation between r_i and −L_i over the rays, for each objective.

    losses, preferences: [R, m].

    1 means that a larger preference always gives a smaller loss; −1 means the reverse. None if undefined: fewer than
    two rays, or a constant preference or loss.
    """
    loss, preference = np.asarray(losses, dtype=float), np.asarray(preferences, dtype=float)

    def correlation(i: int) -> float | None:
        if len(loss) < 2 or np.ptp(loss[:, i]) == 0 or np.ptp(preference[:, i]) == 0:
            return None
        return -float(np.corrcoef(_ranks(preference[:, i]), _ranks(loss[:, i]))[0, 1])

    return [correlation(i) for i in range(loss.shape[1])]


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ranks of the values, from 1. Equal values have the mean of their ranks; NaN has the rank NaN.

    pandas and scipy.stats do the same, but each job would wait up to a second for their import.
    """
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ranks: NDArray[np.float64] = (np.cumsum(sizes) - (sizes - 1) / 2)[group]
    ranks[np.isnan(values)] = np.nan
    return ranks
