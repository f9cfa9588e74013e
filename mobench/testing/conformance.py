"""Conformance checks of each plugin kind, and functions that collect them for registered names.

A package runs the checks on its own names in its own tests. `mobench new` writes this test:

    @pytest.mark.parametrize("case", cases("my-distribution"), ids=str)
    def test_conformance(case):
        result = case.run()
        assert result.state != "failed", result.message
"""

from __future__ import annotations

from collections.abc import Sequence

from mobench.plugins import KINDS, Entry, Kind, Registry, registry
from mobench.testing.checks import balancer, dataset, generator, model, sampler, solver, suite
from mobench.testing.checks.common import described, options_round_trip
from mobench.testing.checks.side_effects import leaves_global_state_alone
from mobench.testing.outcomes import Case, Check

_EVERY: list[Check] = [described, options_round_trip, leaves_global_state_alone]

CHECKS: dict[Kind, list[Check]] = {
    "dataset": [
        *_EVERY,
        dataset.is_judged_by_its_protocol,
        dataset.loads_the_same_samples_again,
        dataset.augments_by_the_generator_given,
        dataset.has_a_model_and_finite_losses,
        dataset.has_losses_that_are_means,
        dataset.judges_in_both_precisions,
        dataset.judges_on_another_device,
    ],
    "model": [
        *_EVERY,
        model.serves_a_dataset,
        model.is_a_function_of_its_weights,
        model.keeps_no_state_of_its_own,
        model.heeds_the_seed,
        model.resumes_from_its_state,
        model.works_in_both_precisions,
        model.works_on_another_device,
        model.touches_no_test_data,
    ],
    "generator": [
        *_EVERY,
        generator.makes_outputs_for_preferences,
        generator.moves_with_the_preference,
        generator.heeds_the_seed,
        generator.resumes_from_its_state,
        generator.is_reached_by_gradients,
        generator.gives_an_exact_gram_matrix,
        generator.works_in_both_precisions,
        generator.works_on_another_device,
        generator.touches_no_test_data,
    ],
    "balancer": [
        *_EVERY,
        balancer.weighs_every_family,
        balancer.weighs_preferences_apart,
        balancer.heeds_the_preference,
        balancer.follows_the_preference,
        balancer.heeds_the_seed,
        balancer.resumes_from_its_state,
        balancer.weighs_in_both_precisions,
        balancer.weighs_on_another_device,
    ],
    "sampler": [
        *_EVERY,
        sampler.draws_preferences,
        sampler.covers_every_objective,
        sampler.serves_budgets_in_seconds,
        sampler.heeds_the_seed,
        sampler.resumes_from_its_state,
    ],
    "solver": [
        *_EVERY,
        solver.trains_and_can_be_judged,
        solver.learns,
        solver.moves_with_the_preference,
        solver.heeds_the_seed,
        solver.resumes_from_its_state,
        solver.trains_in_both_precisions,
        solver.trains_on_a_gpu,
        solver.touches_no_test_data,
    ],
    "suite": [described, suite.can_be_planned],
}


def cases_of(entry: Entry) -> list[Case]:
    """Return a case for every check of one registered name."""
    return [Case(entry, check) for check in CHECKS[entry.kind]]


def entries(names: Sequence[str], kind: str | None = None, known: Registry | None = None) -> list[Entry]:
    """Return the registry entries for registered names (of any kind), plugins or distributions, without duplicates.

    Raises: PluginError for a broken plugin and for a name that two plugins register; UnknownNameError for an
        unknown name, with the nearest names.
    """
    known = known or registry()
    kinds = [each for each in KINDS if kind in (None, each)]
    found = [entry for name in names for entry in known.meant(name, kinds)]
    return [entry for i, entry in enumerate(found) if entry not in found[:i]]


def cases(*names: str, kind: str | None = None) -> list[Case]:
    """Return a case for every check of every name. Raises the same errors as `entries`."""
    return [case for entry in entries(names, kind) for case in cases_of(entry)]
