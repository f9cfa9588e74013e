"""Performance profiles of solvers over problems.

Source: Dolan & Moré, Mathematical Programming 91 (2002), 201-213, equations 1 and 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mobench.arrays import FloatArray
from mobench.errors import OptionError


@dataclass(frozen=True)
class Profile:
    """Step function of one solver.

    ratios: sorted ratios at which the share rises, [Q], each at least 1.
    shares: share of problems whose ratio is at most that, [Q].
    """

    ratios: FloatArray
    shares: FloatArray

    def at(self, tau: float) -> float:
        """Return the share of problems on which the solver is within a factor tau of the best."""
        n = int(np.searchsorted(self.ratios, tau, side="right"))
        return float(self.shares[n - 1]) if n else 0.0


def performance_ratios(costs: FloatArray) -> FloatArray:
    """Return the ratio [P, S] of each cost to the smallest cost of its problem.

    A ratio is infinite where a solver failed, and everywhere in a problem that no solver solved.

    Args:
        costs: Positive costs [P, S] of S solvers on P problems, where less is better; NaN or infinite for a failure.

    Raises:
        OptionError: If a cost is not positive, or the shape is not [P, S].
    """
    costs = np.asarray(costs, float)
    if costs.ndim != 2 or costs.size == 0:
        raise OptionError(f"the costs have the shape {list(costs.shape)}; accepted: [problems, solvers], not empty")
    if (costs <= 0).any():
        raise OptionError(f"the smallest cost is {np.nanmin(costs):g}; accepted: positive costs: shift or invert them")
    costs = np.where(np.isfinite(costs), costs, np.inf)
    best = costs.min(axis=1, keepdims=True)
    ratios: FloatArray = np.divide(costs, best, out=np.full_like(costs, np.inf), where=np.isfinite(costs))
    return ratios


def performance_profiles(costs: FloatArray) -> list[Profile]:
    """Return the profile of each solver. Args and errors: as `performance_ratios`."""
    ratios = performance_ratios(costs)
    profiles = []
    for of_solver in ratios.T:
        levels, counts = np.unique(of_solver[np.isfinite(of_solver)], return_counts=True)
        profiles.append(Profile(levels, np.cumsum(counts) / len(of_solver)))
    return profiles
