"""Does a larger preference for an objective give a smaller loss of it?"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def controllability(losses: ArrayLike, preferences: ArrayLike) -> list[float | None]:
    """Spearman correlation between r_i and −L_i over the rays, for each objective.

    losses, preferences: [R, m]. 1: a perfect ordering; −1: the reverse. None where it is
    undefined: fewer than two rays, or a preference or loss that never varies.
    """
    from pandas import DataFrame  # its ranks share ties; scipy.stats takes three times as long to import

    loss, preference = np.asarray(losses, dtype=float), np.asarray(preferences, dtype=float)
    loss_ranks, preference_ranks = DataFrame(loss).rank().to_numpy(), DataFrame(preference).rank().to_numpy()

    def one(i: int) -> float | None:
        if len(loss) < 2 or np.ptp(loss[:, i]) == 0 or np.ptp(preference[:, i]) == 0:
            return None
        return -float(np.corrcoef(preference_ranks[:, i], loss_ranks[:, i])[0, 1])

    return [one(i) for i in range(loss.shape[1])]
