"""Conformance checks of each plugin kind, and functions that collect them for registered names.

A package runs the checks on its own names in its own tests. `mobench new` writes this test:

    @pytest.mark.parametrize("case", cases("my-distribution"), ids=str)
    def test_conformance(case):
        result = case.run()
        assert result.state != "failed", result.message

`CHECKS` says which checks a kind has. A plugin declines some of them by `Spec.declines`, and a check itself raises
`Declined` where it does not apply. A new check is a function of an entry in `mobench.testing.checks`, listed
in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Sequence

from mobench.plugins import KINDS, Entry, Kind, Registry, registry
from mobench.testing.checks import (
    balancer_checks,
    dataset_checks,
    generator_checks,
    logger_checks,
    model_checks,
    precision_checks,
    sampler_checks,
    solver_checks,
    suite_checks,
)
from mobench.testing.checks.common import described, options_round_trip
from mobench.testing.checks.side_effects import leaves_global_state_alone
from mobench.testing.outcomes import Case, Check

_EVERY: list[Check] = [described, options_round_trip, leaves_global_state_alone]

CHECKS: dict[Kind, list[Check]] = {
    "dataset": [
        *_EVERY,
        dataset_checks.is_judged_by_its_protocol,
        dataset_checks.loads_the_same_samples_again,
        dataset_checks.reads_rows_and_batches_alike,
        dataset_checks.augments_by_the_generator_given,
        dataset_checks.has_a_model_and_finite_losses,
        dataset_checks.has_losses_that_are_means,
        dataset_checks.judges_in_both_precisions,
        dataset_checks.judges_on_another_device,
    ],
    "model": [
        *_EVERY,
        model_checks.serves_a_dataset,
        model_checks.is_a_function_of_its_weights,
        model_checks.keeps_no_state_of_its_own,
        model_checks.heeds_the_seed,
        model_checks.resumes_from_its_state,
        model_checks.works_in_both_precisions,
        model_checks.declines_before_it_builds,
        model_checks.declares_parameters_that_exist,
        precision_checks.predicts_in_bfloat16,
        model_checks.works_on_another_device,
        model_checks.touches_no_test_data,
    ],
    "generator": [
        *_EVERY,
        generator_checks.makes_outputs_for_preferences,
        generator_checks.declines_before_it_builds,
        generator_checks.moves_with_the_preference,
        generator_checks.heeds_the_seed,
        generator_checks.resumes_from_its_state,
        generator_checks.is_reached_by_gradients,
        generator_checks.gives_an_exact_gram_matrix,
        generator_checks.starts_at_pretrained_weights,
        generator_checks.leaves_frozen_parameters_alone,
        generator_checks.works_in_both_precisions,
        precision_checks.serves_in_bfloat16,
        generator_checks.works_on_another_device,
        generator_checks.touches_no_test_data,
    ],
    "balancer": [
        *_EVERY,
        balancer_checks.declares_what_it_asks_for,
        balancer_checks.uses_what_it_asks_for,
        balancer_checks.weighs_every_family,
        balancer_checks.weighs_preferences_apart,
        balancer_checks.heeds_the_preference,
        balancer_checks.follows_the_preference,
        balancer_checks.heeds_the_seed,
        balancer_checks.resumes_from_its_state,
        balancer_checks.weighs_in_both_precisions,
        balancer_checks.weighs_on_another_device,
    ],
    "sampler": [
        *_EVERY,
        sampler_checks.draws_preferences,
        sampler_checks.covers_every_objective,
        sampler_checks.serves_budgets_in_seconds,
        sampler_checks.heeds_the_seed,
        sampler_checks.resumes_from_its_state,
    ],
    "solver": [
        *_EVERY,
        solver_checks.declines_before_it_starts,
        solver_checks.trains_and_can_be_judged,
        solver_checks.learns,
        solver_checks.improves_within_its_steps,
        solver_checks.moves_with_the_preference,
        solver_checks.has_different_points,
        solver_checks.uses_every_batch,
        solver_checks.heeds_the_seed,
        solver_checks.resumes_from_its_state,
        solver_checks.trains_in_both_precisions,
        precision_checks.trains_in_bfloat16,
        solver_checks.trains_on_a_gpu,
        solver_checks.touches_no_test_data,
    ],
    "logger": [described, options_round_trip, logger_checks.logs_jobs_of_every_end],
    "suite": [described, suite_checks.can_be_planned],
}


def cases_of(entry: Entry) -> list[Case]:
    """Return a case for every check of one registered name."""
    return [Case(entry, check) for check in CHECKS[entry.kind]]


def entries(names: Sequence[str], kind: str | None = None, plugins: Registry | None = None) -> list[Entry]:
    """Return the registry entries for registered names (of any kind), plugins or distributions, without duplicates.

    Raises: PluginError for a broken plugin and for a name that two plugins register; UnknownNameError for an
        unknown name, with the nearest names.
    """
    plugins = plugins or registry()
    kinds = [candidate for candidate in KINDS if kind in (None, candidate)]
    matching = [entry for name in names for entry in plugins.meant(name, kinds)]
    return [entry for i, entry in enumerate(matching) if entry not in matching[:i]]


def cases(*names: str, kind: str | None = None) -> list[Case]:
    """Return a case for every check of every name. Raises the same errors as `entries`."""
    return [case for entry in entries(names, kind) for case in cases_of(entry)]
