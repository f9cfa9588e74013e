"""The conformance suite over every registered plugin."""

from __future__ import annotations

from typing import Any

import pytest

from mobench.datafiles import collections
from mobench.plugins import KINDS, registry
from mobench.testing import CHECKS, Case
from mobench.testing.conformance import cases_of
from mobench.testing.outcomes import unknown_declines

CASES = [case for kind in KINDS for entry in registry().entries[kind].values() for case in cases_of(entry)]

NO_FILES = ("data file", "no folder with the user's files of")
"""Where files are neither here nor to be had. Tests of the plugins run the checks on generated files of the user."""
NO_GPU = "no CUDA device is here"
MAY_DECLINE = {
    "options_round_trip": ("the options of a pair are those of its parts",),
    "leaves_global_state_alone": NO_FILES,
    "loads_the_same_samples_again": NO_FILES,
    "reads_rows_and_batches_alike": (*NO_FILES, "its samples are in memory"),
    "augments_by_the_generator_given": NO_FILES,
    "has_a_model_and_finite_losses": NO_FILES,
    "has_losses_that_are_means": NO_FILES,
    "judges_in_both_precisions": NO_FILES,
    "judges_on_another_device": (*NO_FILES, NO_GPU),
    "works_on_another_device": (NO_GPU,),
    "weighs_on_another_device": (NO_GPU,),
    "trains_on_a_gpu": (NO_GPU,),
    "declines_before_it_starts": ("the generator of a pair is checked",),
    "trains_in_bfloat16": ("the generator of a pair is checked in bfloat16",),
    "gives_an_exact_gram_matrix": ("it generates no weights; mobench computes its Gram matrix",),
    "starts_at_pretrained_weights": ("it does not start from pretrained weights (starts_pretrained = False)",),
    "moves_with_the_preference": (
        "it serves one preference",
        "it serves problems with one objective",
        "its points belong to no preference",
        "by the plugin: the updates start at zero",
    ),
    "is_reached_by_gradients": ("by the plugin: the updates start at zero",),
    "has_different_points": ("its points belong to preferences, or there is one only",),
    "improves_within_its_steps": ("it states no steps_to_learn",),
    "uses_every_batch": ("it takes one batch per step",),
    "follows_the_preference": ("it ignores the preference (needs_preference = False)",),
    "uses_what_it_asks_for": ("it asks for losses and preferences only",),
    "weighs_preferences_apart": ("it weighs preferences against each other (couples_preferences)", "by the plugin: "),
}


LARGE = 1_500_000
"""Bytes of data files from which the checks of a dataset are slow tests."""


def parameter(case: Case) -> Any:
    """Return the case as a parameter, which is slow if it reads large files or loads the package of a logger."""
    files = collections().get(case.entry.name, []) if case.entry.kind == "dataset" else []
    is_slow = sum(file.n_bytes or 0 for file in files) > LARGE or case.entry.kind == "logger"
    return pytest.param(case, marks=pytest.mark.slow if is_slow else (), id=str(case))


@pytest.mark.parametrize("case", [parameter(case) for case in CASES])
def test_conformance(case: Case) -> None:
    """A check is declined for a reason that is known beforehand, or it passes."""
    result = case.run()
    assert result.state != "failed", result.message
    if result.state == "declined":
        print(f"declined: {case}: {result.message}")
        assert result.check in MAY_DECLINE, f"declined: {result.message}"
        assert result.message.startswith(MAY_DECLINE[result.check]), result.message


def test_the_suite_covers_every_kind_and_finds_a_plugin_of_each() -> None:
    assert set(CHECKS) == set(KINDS)
    assert {case.entry.kind for case in CASES} == set(KINDS)


def test_what_is_declined_is_a_check() -> None:
    for kind in KINDS:
        for entry in registry().entries[kind].values():
            assert unknown_declines(entry, CHECKS[kind]) == []
