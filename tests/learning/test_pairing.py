"""Pairs that are declined: the same reason from a job's resolution and from the solver itself."""

from __future__ import annotations

from typing import Any

import pytest

from mobench.errors import IncompatibleError
from mobench.learning.pairing import check_pair


def pair(finite: bool, couples: bool = False, needs: bool = True) -> tuple[Any, Any]:
    generator = type("G", (), {"finite": finite})
    balancer = type("B", (), {"couples_preferences": couples, "needs_preference": needs})
    return generator, balancer


@pytest.mark.parametrize("as_objects", [False, True])
def test_a_generator_of_all_preferences_needs_a_balancer_that_uses_them(as_objects: bool) -> None:
    generator, balancer = pair(finite=False, needs=False)
    halves = (generator(), balancer()) if as_objects else (generator, balancer)
    with pytest.raises(IncompatibleError, match=r"^g\+b: balancer 'b' ignores the preference.*finite generator"):
        check_pair(*halves, 4, "g+b")


def test_a_balancer_that_couples_preferences_needs_two_of_them() -> None:
    generator, balancer = pair(finite=False, couples=True)
    with pytest.raises(IncompatibleError, match=r"n_preferences is 1: set it to 2 or more"):
        check_pair(generator, balancer, 1, "g+b")
    check_pair(generator, balancer, 2, "g+b")


@pytest.mark.parametrize("needs", [False, True])
def test_a_finite_generator_fits_every_balancer(needs: bool) -> None:
    check_pair(*pair(finite=True, couples=True, needs=needs), 1, "g+b")
