"""Controllability: rank correlation between preferences and losses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def controllability(losses: ArrayLike, preferences: ArrayLike) -> list[float | None]:
    """Return the Spearman correlation between r_i and −L_i over the rays, for each objective.

    losses, preferences: [R, m].

    1 means that a larger preference always gives a smaller loss; −1 means the reverse. None if undefined: fewer than
    two rays, or a constant preference or loss.
    """
    from pandas import DataFrame  # averages tied ranks; scipy.stats takes three times as long to import

    loss, preference = np.asarray(losses, dtype=float), np.asarray(preferences, dtype=float)
    loss_ranks, preference_ranks = DataFrame(loss).rank().to_numpy(), DataFrame(preference).rank().to_numpy()

    def one(i: int) -> float | None:
        if len(loss) < 2 or np.ptp(loss[:, i]) == 0 or np.ptp(preference[:, i]) == 0:
            return None
        return -float(np.corrcoef(preference_ranks[:, i], loss_ranks[:, i])[0, 1])

    return [one(i) for i in range(loss.shape[1])]
