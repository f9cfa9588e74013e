"""The conformance suite over every registered plugin."""

from __future__ import annotations

import pytest

from mobench.plugins import KINDS, Entry, Kind, registry
from mobench.testing.conformance import CHECKS, Check
from mobench.testing.small import Declined

CASES = [
    pytest.param(kind, name, check, id=f"{kind} {name}: {check.__name__}")
    for kind in KINDS
    for name in registry().names(kind)
    for check in CHECKS[kind]
]

MAY_DECLINE = {
    "options_round_trip": "a pair's options are those of its parts",
    # where the full image sets are neither here nor to be had; CIFAR-10 is on no machine but its owner's
    "dataset_is_whole": ("data file", "there is no folder cifar-10"),
    "dataset_has_a_model": ("data file", "there is no folder cifar-10"),
    "generator_gram_is_exact": "it makes no weights; the core takes its Gram matrix",
}


def declined(check: Check, entry: Entry) -> str:
    """Why a check was declined; '' where it passed."""
    try:
        check(entry)
    except Declined as reason:
        return str(reason)
    return ""


@pytest.mark.parametrize(("kind", "name", "check"), CASES)
def test_conformance(kind: Kind, name: str, check: Check) -> None:
    """A check is declined for a reason that is known beforehand, or it passes."""
    reason = declined(check, registry().get(kind, name))
    if reason:
        print(f"declined: {kind} {name}, {check.__name__}: {reason}")
        assert check.__name__ in MAY_DECLINE, f"declined: {reason}"
        assert reason.startswith(MAY_DECLINE[check.__name__])  # one of several, where it is a tuple


def test_the_suite_covers_every_kind_and_finds_a_plugin_of_each() -> None:
    assert set(CHECKS) == set(KINDS)
    assert {case.values[0] for case in CASES} == set(KINDS)
