"""Performance profiles against numbers computed by hand, and the properties that Dolan & Moré state."""

from __future__ import annotations

import numpy as np
import pytest

from mobench.errors import OptionError
from mobench.reports.analysis.profiles import performance_profiles, performance_ratios

COSTS = np.array([[1.0, 2.0, 4.0], [3.0, 1.0, np.nan], [2.0, 2.0, 8.0], [np.inf, np.nan, np.inf]])
"""Four problems, three solvers; nobody solves the last."""


def test_ratios_and_profiles_are_those_computed_by_hand() -> None:
    inf = np.inf
    assert performance_ratios(COSTS).tolist() == [[1, 2, 4], [3, 1, inf], [1, 1, 4], [inf, inf, inf]]
    first, second, third = performance_profiles(COSTS)
    assert (first.ratios.tolist(), first.shares.tolist()) == ([1, 3], [0.5, 0.75])
    assert (second.ratios.tolist(), second.shares.tolist()) == ([1, 2], [0.5, 0.75])
    assert (third.ratios.tolist(), third.shares.tolist()) == ([4], [0.5])
    assert [first.at(tau) for tau in (0.9, 1.0, 2.9, 3.0, 100.0)] == [0.0, 0.5, 0.5, 0.75, 0.75]


def test_the_unit_of_a_problem_does_not_change_profiles() -> None:
    """A profile depends on ratios only, so a power of two per problem changes nothing."""
    for profile, scaled in zip(
        performance_profiles(COSTS), performance_profiles(COSTS * [[2.0], [8.0], [0.25], [4.0]]), strict=True
    ):
        assert profile.ratios.tolist() == scaled.ratios.tolist()
        assert profile.shares.tolist() == scaled.shares.tolist()


@pytest.mark.parametrize("costs", [[[1.0, 0.0]], [[-1.0, 2.0]], [1.0, 2.0], [[]]])
def test_other_costs_are_refused(costs: list[object]) -> None:
    with pytest.raises(OptionError, match="accepted:"):
        performance_profiles(np.array(costs))
