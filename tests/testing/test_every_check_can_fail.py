"""Every check has a plugin that fails it and no other, with a message that says what to do."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

from mobench.plugins import Entry, Kind, Pair, Plugin, Spec, SuiteFile
from mobench.testing import CHECKS
from mobench.testing.conformance import cases_of
from mobench.testing.outcomes import Result, unknown_declines

pytestmark = pytest.mark.slow

BROKEN: list[tuple[Kind, str, str, str]] = [
    ("balancer", "NoDocstring", "described", "state in its first line what it returns"),
    ("balancer", "NoHelp", "described", "option 'other' has no help: write"),
    ("balancer", "NoBalancer", "described", "derive it from mobench.Balancer"),
    ("balancer", "ChangesOption", "options_round_trip", "leave options as they are given"),
    ("balancer", "ChangesAddedOption", "options_round_trip", "changes the id of every job: leave options as"),
    ("balancer", "TouchesTorch", "leaves_global_state_alone", "torch's random state was changed: draw from `seeded"),
    ("balancer", "TouchesNumPy", "leaves_global_state_alone", "use numpy.random.default_rng"),
    ("balancer", "TouchesPython", "leaves_global_state_alone", "use random.Random"),
    ("balancer", "TouchesDtype", "leaves_global_state_alone", "default dtype was changed: create tensors in the dtype"),
    (
        "balancer",
        "TouchesDevice",
        "leaves_global_state_alone",
        "default device was changed: create tensors on the device",
    ),
    ("balancer", "TouchesThreads", "leaves_global_state_alone", "threads was changed: leave this setting to the user"),
    ("balancer", "TouchesGradients", "leaves_global_state_alone", "use `with torch.no_grad"),
    ("balancer", "TouchesWarnings", "leaves_global_state_alone", "use `with warnings.catch_warnings"),
    ("balancer", "TouchesFolder", "leaves_global_state_alone", "the working folder was changed: use paths"),
    ("balancer", "TouchesEnvironment", "leaves_global_state_alone", "the environment was changed: pass values as"),
    ("balancer", "TouchesPath", "leaves_global_state_alone", "sys.path was changed: import installed packages"),
    ("balancer", "UnknownScope", "declares_what_it_asks_for", "choose one of 'all', 'shared', 'representation'"),
    ("balancer", "UnknownOwn", "declares_what_it_asks_for", "choose one of 'weighted', 'plain'"),
    ("balancer", "NoDirections", "declares_what_it_asks_for", "derive it from mobench.DirectionBalancer to get"),
    ("balancer", "NoAfterStep", "declares_what_it_asks_for", "implement after_step, or leave out both"),
    ("balancer", "Wasteful", "uses_what_it_asks_for", "leave out needs_gram, because every step pays for it"),
    ("balancer", "WastesSecondBatch", "uses_what_it_asks_for", "leave out needs_second_batch"),
    ("balancer", "WastesLossesAfter", "uses_what_it_asks_for", "leave out needs_losses_after"),
    ("balancer", "WastesGradients", "uses_what_it_asks_for", "leave out needs_gradients"),
    ("balancer", "Ascends", "follows_the_preference", "weigh an objective more the larger its preference is"),
    ("balancer", "InPlace", "weighs_every_family", "work on copies"),
    ("balancer", "OtherDtype", "weighs_every_family", "keep the dtype of the losses"),
    ("balancer", "Entangled", "weighs_preferences_apart", "compute each row from its own row alone"),
    ("balancer", "Deaf", "heeds_the_preference", "use it, or set needs_preference = False"),
    ("balancer", "Pretends", "heeds_the_preference", "set needs_preference = True"),
    ("balancer", "Inverted", "follows_the_preference", "weigh an objective more the larger its preference is"),
    ("balancer", "Entropy", "heeds_the_seed", "draw from `seeded"),
    ("balancer", "OneSeed", "heeds_the_seed", "make the generator in start"),
    (
        "balancer",
        "Forgets",
        "resumes_from_its_state",
        "put everything that start made and steps changed into state_dict",
    ),
    ("balancer", "Unreadable", "resumes_from_its_state", "keep tensors, numbers, text"),
    ("balancer", "DoubleOnly", "weighs_in_both_precisions", "(fix the error"),
    ("balancer", "StaysHere", "weighs_on_another_device", "make tensors on the device of the inputs"),
    ("generator", "OwnField", "options_round_trip", "leave options as they are given"),
    ("generator", "Warns", "leaves_global_state_alone", "use `with warnings.catch_warnings"),
    ("generator", "OtherWhenServedGenerator", "makes_outputs_for_preferences", "from its own row of the preferences"),
    ("generator", "DeafGenerator", "moves_with_the_preference", "let the outputs or weights depend on it"),
    ("generator", "OneSeed", "heeds_the_seed", "and do not seed it"),
    ("generator", "Entropy", "heeds_the_seed", "draw initial values from torch's global random state alone"),
    ("generator", "UnregisteredGenerator", "resumes_from_its_state", "register all that build draws as parameters"),
    ("generator", "UndercountsGenerator", "resumes_from_its_state", "count them all"),
    ("generator", "IdleGenerator", "is_reached_by_gradients", "no gradient reaches idle: use it in forward"),
    ("generator", "WrongGramGenerator", "gives_an_exact_gram_matrix", "count every parameter, or leave it to"),
    ("generator", "SingleGramGenerator", "gives_an_exact_gram_matrix", "use inner_products of mobench.interfaces"),
    ("generator", "StartsElsewhere", "starts_at_pretrained_weights", "start at problem.new_weights()"),
    ("generator", "GeneratesFrozen", "leaves_frozen_parameters_alone", "which leave out frozen parameters"),
    ("generator", "SingleOnly", "works_in_both_precisions", "end build with .to(device=problem.device"),
    ("generator", "StaysHereGenerator", "works_on_another_device", "make tensors on the device of the inputs"),
    ("generator", "MixesGenerator", "serves_in_bfloat16", "give both tensors one dtype, with tensor.to(other.dtype)"),
    ("generator", "Peeks", "touches_no_test_data", "the test split was loaded: build from shapes and heads"),
    ("model", "Moves", "leaves_global_state_alone", "use paths that do not depend on it"),
    ("model", "OtherHeadsModel", "serves_a_dataset", "return a dict with a tensor for each of dataset.heads"),
    ("model", "IdleModel", "serves_a_dataset", "no gradient reaches idle: use it in forward"),
    ("model", "KeepsModel", "is_a_function_of_its_weights", "keep all state in parameters"),
    ("model", "TracksModel", "keeps_no_state_of_its_own", "compute it from the inputs, or make it a trained parameter"),
    ("model", "RemembersModel", "keeps_no_state_of_its_own", "keep no state in attributes of the module"),
    ("model", "OneSeed", "heeds_the_seed", "and do not seed it"),
    ("model", "UnreadableModel", "resumes_from_its_state", "keep tensors, numbers, text"),
    ("model", "SingleOnlyModel", "works_in_both_precisions", "make tensors in the dtype of the inputs or weights"),
    ("model", "StaysHereModel", "works_on_another_device", "make tensors on the device of the inputs"),
    ("model", "AcceptsAll", "declines_before_it_builds", "raise IncompatibleError with the reason in check"),
    ("model", "OtherParameters", "declares_parameters_that_exist", "names parameter 'head.weight', which is unknown"),
    ("model", "MixesModel", "predicts_in_bfloat16", "give both tensors one dtype, with tensor.to(other.dtype)"),
    ("model", "Peeks", "touches_no_test_data", "the test split was loaded: build from input_shape and heads"),
    ("dataset", "Draws", "leaves_global_state_alone", "draw from `seeded"),
    ("dataset", "ShortProtocol", "is_judged_by_its_protocol", "give one for each"),
    ("dataset", "UpsideDown", "is_judged_by_its_protocol", "the ideal holds the best value of each objective"),
    ("dataset", "UnknownSubset", "is_judged_by_its_protocol", "choose 'random' or 'first', or leave it out"),
    ("dataset", "FrontBeyond", "is_judged_by_its_protocol", "choose a reference beyond the front"),
    ("dataset", "Entropy", "loads_the_same_samples_again", "draw from a generator of a fixed seed, made in load"),
    ("dataset", "SortsRows", "reads_rows_and_batches_alike", "return the rows in the order of the positions"),
    ("dataset", "OtherDtypeInBatches", "reads_rows_and_batches_alike", "return the dtypes of __getitem__"),
    ("dataset", "AugmentsAnyhow", "augments_by_the_generator_given", "draw from `random` alone"),
    ("dataset", "AugmentsInPlace", "augments_by_the_generator_given", "return new ones"),
    ("dataset", "NotFinite", "has_a_model_and_finite_losses", "make them finite for a new network"),
    ("dataset", "NoGradient", "has_a_model_and_finite_losses", "compute them from the outputs, with torch"),
    ("dataset", "RootOfMean", "has_losses_that_are_means", "divide sums by the number of samples"),
    ("dataset", "RootAsMetric", "has_losses_that_are_means", "give the Metric pooled=True"),
    ("dataset", "MeanStatistics", "has_losses_that_are_means", "return sums over samples, and divide in finish"),
    ("dataset", "SingleOnly", "judges_in_both_precisions", "make constants in the outputs' dtype"),
    ("dataset", "StaysHere", "judges_on_another_device", "make tensors on the device of the inputs"),
    ("sampler", "OwnField", "options_round_trip", "leave options as they are given"),
    ("sampler", "TouchesTorch", "leaves_global_state_alone", "draw from `seeded"),
    ("sampler", "OneRow", "draws_preferences", "return [K, m]"),
    ("sampler", "Unnormalised", "draws_preferences", "return positive entries that sum to 1"),
    ("sampler", "Vertices", "draws_preferences", "positive_preferences of mobench.interfaces"),
    ("sampler", "Constant", "covers_every_objective", "draw from the whole simplex"),
    ("sampler", "NeedsSteps", "serves_budgets_in_seconds", "set needs_total_steps = True"),
    ("sampler", "OneSeed", "heeds_the_seed", "make the generator in start"),
    ("sampler", "Entropy", "heeds_the_seed", "draw from `seeded(context.seed)`, made in start"),
    ("sampler", "Forgets", "resumes_from_its_state", "put everything that start made and steps changed"),
    (
        "generator",
        "DeclinesLate",
        "declines_before_it_builds",
        "raise IncompatibleError with the reason in check_problem",
    ),
    ("generator", "LoadsToDecline", "declines_before_it_builds", "decide by input_shape, heads, objectives"),
    ("solver", "DeclinesLate", "declines_before_it_starts", "raise IncompatibleError with the reason in check, which"),
    ("solver", "DrawsElsewhere", "leaves_global_state_alone", "use numpy.random.default_rng"),
    ("solver", "WithGraph", "trains_and_can_be_judged", "return losses.detach()"),
    ("solver", "Frozen", "learns", "let pareto_set serve what step trains"),
    ("solver", "KeepsTheWorse", "improves_within_its_steps", "keep what lowers the losses, or state more steps"),
    ("solver", "Deaf", "moves_with_the_preference", "let serve(preference) depend on it"),
    ("solver", "SamePoints", "has_different_points", "let predictor(index) depend on the index"),
    ("solver", "IgnoresBatch", "uses_every_batch", "use it, or ask for fewer batches"),
    ("solver", "OneSeed", "heeds_the_seed", "do not seed it"),
    ("solver", "Entropy", "heeds_the_seed", "from a generator seeded by setting.seeds, and from nothing else"),
    ("solver", "Forgets", "resumes_from_its_state", "put everything that start made and steps changed into state_dict"),
    ("solver", "SingleOnly", "trains_in_both_precisions", "make tensors in problem.dtype"),
    ("solver", "LowLosses", "trains_in_bfloat16", "problem.full_outputs(outputs), outside of problem.autocast()"),
    ("solver", "Peeks", "touches_no_test_data", "learn from the batch that step is given"),
]
KINDS_WITH_CLASSES: tuple[Kind, ...] = ("balancer", "generator", "model", "dataset", "sampler", "solver")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent / "broken")


def entry(kind: Kind, cls: str = "Sound", module: str = "", **more: Any) -> Entry:
    module = module or f"broken_{kind}s"
    spec = {"summary": "made for a test", "source": "this file", **more}
    return Entry(kind, Spec("guest", f"{module}:{cls}", **spec), Plugin("guest", "guest", "1.0", module=module))


def failures(of: Entry) -> list[Result]:
    return [result for case in cases_of(of) if (result := case.run()).state == "failed"]


@pytest.mark.parametrize("kind", KINDS_WITH_CLASSES)
def test_what_the_broken_ones_derive_from_passes_every_check(kind: Kind) -> None:
    assert failures(entry(kind)) == []


def test_a_solver_of_points_without_preferences_passes_every_check() -> None:
    assert failures(entry("solver", "SoundPoints")) == []


def test_a_solver_that_learns_late_passes_if_it_states_its_steps() -> None:
    """Without the statement, the checks give it fewer steps than its first change takes."""
    assert failures(entry("solver", "Searches")) == []
    failed_checks = {result.check for result in failures(entry("solver", "SearchesSilently"))}
    assert failed_checks == {"learns"}


def test_a_balancer_of_directions_passes_every_check() -> None:
    assert failures(entry("balancer", "SoundDirections")) == []


@pytest.mark.parametrize(("kind", "cls", "check", "advice"), BROKEN, ids=[f"{b[0]} {b[1]}" for b in BROKEN])
def test_a_broken_plugin_fails_one_check_which_says_what_to_do(kind: Kind, cls: str, check: str, advice: str) -> None:
    failed = failures(entry(kind, cls))
    assert [result.check for result in failed] == [check], [result.message for result in failed]
    assert advice in failed[0].message
    assert "Traceback" in failed[0].details


def test_there_is_a_broken_plugin_for_every_check() -> None:
    """Exceptions are checks that need a GPU, of suites, and of specs; they have tests below."""
    for kind in KINDS_WITH_CLASSES:
        of_all = {check for _, _, check, _ in BROKEN if check in ("described", "options_round_trip")}
        covered = {check for k, _, check, _ in BROKEN if k == kind} | of_all | {"trains_on_a_gpu"}
        assert {check.__name__ for check in CHECKS[kind]} - covered == set(), kind


def test_what_an_import_does_is_seen_even_where_the_module_was_imported_before() -> None:
    import broken_on_import  # type: ignore[import-not-found]  # noqa: F401

    (failure,) = failures(entry("balancer", module="broken_on_import"))
    assert (failure.check, "NumPy's random state" in failure.message) == ("leaves_global_state_alone", True)


@pytest.mark.parametrize("lacks", ["summary", "source"])
def test_a_spec_and_a_pair_have_a_summary_and_a_source(lacks: str) -> None:
    (failure,) = failures(entry("balancer", **{lacks: ""}))
    assert (failure.check, f"the Spec has no {lacks}: give it" in failure.message) == ("described", True)
    pair = dataclasses.replace(Pair("p", "stack", "linear", "a pair", "this file"), **{lacks: ""})
    first = cases_of(Entry("solver", pair, Plugin("guest", "guest", "1.0")))[0].run()
    assert (first.state, f"the Pair has no {lacks}: give it" in first.message) == ("failed", True)


def test_on_a_gpu_tensors_of_the_processor_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch's meta device replaces a GPU, which test machines need not have."""
    from mobench.testing.checks import solver_checks as checks

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(checks, "device", lambda: torch.device("meta"))
    with pytest.raises(AssertionError, match="make tensors on the device of the inputs"):
        checks.trains_on_a_gpu(entry("solver", "StaysHere"))


def suite(path: Path, summary: str = "a suite") -> Entry:
    return Entry("suite", SuiteFile("guest", path, summary), Plugin("guest", "guest", "1.0"))


def test_a_suite_has_a_file_whose_names_exist(tmp_path: Path, tiny: Path) -> None:
    assert failures(suite(tiny)) == []
    (failure,) = failures(suite(tiny, summary=""))
    assert failure.check == "described"
    (failure,) = failures(suite(tmp_path / "gone.toml"))
    assert (failure.check, "include it in the wheel" in failure.message) == ("can_be_planned", True)
    tiny.write_text(tiny.read_text().replace("phn-ls", "phn-lss"))
    (failure,) = failures(suite(tiny))
    assert (failure.check, "did you mean 'phn-ls'" in failure.message) == ("can_be_planned", True)


def test_a_check_is_declined_by_a_spec_and_the_reason_is_told() -> None:
    declining = entry("balancer", "Entangled", declines={"weighs_preferences_apart": "rows are compared on purpose"})
    results = {case.check.__name__: case.run() for case in cases_of(declining)}
    assert results["weighs_preferences_apart"].state == "declined"
    assert results["weighs_preferences_apart"].message == "by the plugin: rows are compared on purpose"
    assert unknown_declines(declining, CHECKS["balancer"]) == []


def test_declining_what_is_no_check_is_a_failure() -> None:
    declining = entry("balancer", declines={"weighs_preferences_appart": "a slip"})
    (failure,) = unknown_declines(declining, CHECKS["balancer"])
    assert failure.state == "failed"
    assert "did you mean 'weighs_preferences_apart'" in failure.message


def test_whatever_a_plugin_did_is_put_back_before_the_next_check() -> None:
    from mobench.testing.state_changes import snapshot

    before = snapshot()
    for cls in ("TouchesDtype", "TouchesFolder", "TouchesEnvironment", "TouchesGradients", "TouchesDevice"):
        failures(entry("balancer", cls))
    after = snapshot()
    assert [name for name in before if "random" not in name and before[name] != after[name]] == []
