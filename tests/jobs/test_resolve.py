"""Names and settings to jobs, and jobs back to objects."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest

from mobench import Spec, hookimpl, option, options
from mobench.errors import IncompatibleError, OptionError, PluginError, PreferenceError, UnknownNameError
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import every_option, make_dataset, make_model, make_solver, resolve
from mobench.learning.gradient_solver import GradientSolver
from mobench.plugins import Plugin, Registry
from mobench_linear.linear import Linear

BUDGET = Budget(steps=3)


def job(solver: str = "phn-ls", settings: dict[str, Any] | None = None, **more: Any) -> Job:
    return resolve("vlmop2", "point", solver, settings or {}, BUDGET, **more)


def test_a_setting_goes_to_the_part_that_has_it() -> None:
    resolved_job = job(settings={"n_variables": 4, "lr": 0.5, "features": 9})
    assert resolved_job.dataset.options["n_variables"] == 4
    assert resolved_job.solver.options["lr"] == 0.5
    assert resolved_job.solver.generator is not None
    assert resolved_job.solver.generator.options["features"] == 9


@pytest.mark.parametrize("key", ["lr", "solver.lr"])
def test_naming_the_part_makes_the_same_job(key: str) -> None:
    assert job(settings={key: 0.5}).id == job(settings={"lr": 0.5}).id


@pytest.mark.parametrize("value", [1, 1.0, "1", "1e0"])
def test_a_value_is_one_value_however_it_is_spelled(value: Any) -> None:
    assert job(settings={"lr": value}).id == job(settings={"lr": 1.0}).id


def test_spelling_out_a_default_changes_nothing() -> None:
    default_job = job()
    assert default_job.solver.generator is not None
    spelled = {f"generator.{k}": v for k, v in default_job.solver.generator.options.items()}
    spelled |= {f"solver.{k}": v for k, v in default_job.solver.options.items()}
    spelled |= {f"dataset.{k}": v for k, v in default_job.dataset.options.items()}
    assert job(settings=spelled).id == default_job.id


@dataclass(eq=False)
class Eager(Linear):
    """A balancer with an option that the gradient solver has as well."""

    lr: float = option(0.5, "of its own")


def with_guest(monkeypatch: pytest.MonkeyPatch, cls: type, defaults: dict[str, Any] | None = None) -> None:
    """Register a balancer class of this file as "guest"."""
    guest = ModuleType("guest")
    spec = Spec("guest", f"{__name__}:{cls.__name__}", version="1", defaults=defaults or {})
    guest.mobench_balancers = hookimpl(lambda: [spec])  # type: ignore[attr-defined]
    guest_registry = Registry.discover()
    guest_registry.add(Plugin("guest", "guest", "1.0"), guest)
    monkeypatch.setattr(importlib.import_module("mobench.jobs.resolve"), "registry", lambda: guest_registry)


@dataclass(eq=False)
class Earlier(Linear):
    """A balancer as it was when its records were made."""

    scale: float = option(1.0, "factor")


@dataclass(eq=False)
class Later(Earlier):
    """The same balancer with an option that was added since."""

    power: float = option(1.0, "exponent", added=True)


@pytest.mark.parametrize("settings", [{}, {"power": 1.0}, {"balancer.power": "1"}])
def test_an_added_option_at_its_default_leaves_the_job_as_it_was(
    monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any]
) -> None:
    with_guest(monkeypatch, Earlier)
    earlier = job("stack+guest")
    with_guest(monkeypatch, Later)
    assert job("stack+guest", settings) == earlier
    assert job("stack+guest", settings).id == earlier.id


def test_an_added_option_at_another_value_makes_another_job_that_states_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_guest(monkeypatch, Later)
    default_job, changed_job = job("stack+guest"), job("stack+guest", {"power": 2})
    assert changed_job.id != default_job.id
    assert changed_job.solver.balancer is not None
    assert changed_job.solver.balancer.options == {"scale": 1.0, "power": 2.0}
    # a default of the registered name is a value like any other
    with_guest(monkeypatch, Later, {"power": 2.0})
    assert job("stack+guest").id == changed_job.id
    assert job("stack+guest", {"power": 1}).id == default_job.id


def test_jobs_of_stored_records_make_objects_before_and_after_an_option_was_added(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with_guest(monkeypatch, Earlier)
    before = job("stack+guest", {"scale": 3}).model_dump_json()
    with_guest(monkeypatch, Later)
    solver = make_solver(Job.model_validate_json(before).solver)
    assert isinstance(solver, GradientSolver)
    assert isinstance(solver.balancer, Later)
    assert (solver.balancer.scale, solver.balancer.power) == (3.0, 1.0)
    default_job, changed_job = (job("stack+guest", {"scale": 3, "power": p}).model_dump_json() for p in (1, 2))
    with_guest(monkeypatch, Earlier)
    make_solver(Job.model_validate_json(default_job).solver)
    with pytest.raises(OptionError, match="balancer 'guest' has no option 'power'"):
        make_solver(Job.model_validate_json(changed_job).solver)


def test_every_option_of_a_job_includes_added_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    with_guest(monkeypatch, Later)
    default_options, changed_options = every_option(job("stack+guest")), every_option(job("stack+guest", {"power": 2}))
    assert (default_options["balancer.power"], changed_options["balancer.power"]) == (1.0, 2.0)
    assert (
        default_options["balancer.scale"],
        default_options["solver.lr"],
        default_options["dataset.n_variables"],
    ) == (1.0, 0.001, 20)
    assert default_options | {"balancer.power": 2.0} == changed_options


def test_an_option_of_several_parts_must_say_whose(monkeypatch: pytest.MonkeyPatch) -> None:
    with_guest(monkeypatch, Eager)
    with pytest.raises(OptionError, match=r"'lr' belongs to solver and balancer: write solver\.lr or balancer\.lr"):
        job("phn+guest", {"lr": 0.25})
    resolved_job = job("phn+guest", {"balancer.lr": 0.25, "solver.lr": 0.125})
    assert resolved_job.solver.balancer is not None
    assert (resolved_job.solver.balancer.options["lr"], resolved_job.solver.options["lr"]) == (0.25, 0.125)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lrr": 1}, r"has an option 'lrr'; did you mean 'lr'"),
        ({"solver.lrr": 1}, r"has no option 'lrr'; did you mean 'lr'"),
        ({"trainer.lr": 1}, r"no part is called 'trainer'; accepted: dataset, model, solver, generator, balancer"),
        ({"lr": "fast"}, r"'lr' was given 'fast'.*accepted: float > 0"),
        ({"lr": 0}, r"'lr' was given 0.*greater than 0"),
        ({"lr": float("nan")}, r"'lr'.*finite"),
        ({"lr": None}, r"'lr' was given None"),
        ({"lr": [1]}, r"'lr' was given \[1\]"),
        ({"n_variables": 2.5}, r"'n_variables' was given 2.5"),
        ({"optimiser": "adamm"}, r"'adam' or 'sgd' or 'rmsprop'"),
        ({"": 1}, r"has an option ''"),
        ({".": 1}, r"no part is called ''"),
    ],
)
def test_what_is_no_setting_is_told_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message) as raised:
        job(settings=settings)
    assert "\n" not in str(raised.value)


def test_true_and_false_are_no_numbers() -> None:
    with pytest.raises(OptionError, match="'lr' was given True"):
        job(settings={"lr": True})


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (("vlmop", "point", "ls"), "dataset"),
        (("vlmop2", "pint", "ls"), "model"),
        (("vlmop2", "point", "lss"), "solver"),
        (("vlmop2", "point", "stac+linear"), "generator"),
        (("vlmop2", "point", "stack+liner"), "balancer"),
    ],
)
def test_what_is_unknown_is_told_with_its_kind_and_a_hint(names: tuple[str, str, str], kind: str) -> None:
    with pytest.raises(UnknownNameError, match=f"no {kind} is called .*; did you mean"):
        resolve(*names, {}, BUDGET)


@pytest.mark.parametrize("solver", ["+", "stack+", "+linear", "stack+linear+linear"])
def test_a_pair_has_two_names(solver: str) -> None:
    with pytest.raises(UnknownNameError):
        job(solver)


@pytest.mark.parametrize("generator", ["phn", "endpoints"])
def test_a_pair_that_would_learn_one_point_for_every_preference_is_declined_with_the_reason(generator: str) -> None:
    with pytest.raises(IncompatibleError, match=f"{generator}.*min-norm.*ignores the preference.*finite generator"):
        job(f"{generator}+min-norm")
    assert job("stack+min-norm").solver.name == "stack+min-norm"


def test_a_pair_by_name_has_its_own_defaults_and_a_pair_by_parts_those_of_the_parts() -> None:
    """Two ids: what a paper's name sets is not what the parts alone would do."""
    named_job, parts_job = job("phn-ls"), job("phn+linear")
    assert named_job.solver.generator == parts_job.solver.generator
    assert named_job.id != parts_job.id


def test_a_job_makes_objects_with_exactly_its_options() -> None:
    resolved_job = job("phn-epo", {"n_variables": 5, "features": 8})
    solver = make_solver(resolved_job.solver)
    assert isinstance(solver, GradientSolver)
    assert resolved_job.solver.generator is not None
    assert resolved_job.solver.balancer is not None
    assert options.values(make_dataset(resolved_job.dataset)) == resolved_job.dataset.options
    assert options.values(make_model(resolved_job.model)) == resolved_job.model.options
    assert options.values(solver.generator) == resolved_job.solver.generator.options
    assert options.values(solver.balancer) == resolved_job.solver.balancer.options
    assert options.values(solver.options) == resolved_job.solver.options


def test_a_job_from_a_record_of_a_plugin_that_is_gone_is_told() -> None:
    solver_part = job().solver.model_copy(update={"balancer": job().dataset})
    with pytest.raises(UnknownNameError, match="no balancer is called 'vlmop2'"):
        make_solver(solver_part)


def test_a_pair_is_asked_for_as_a_pair() -> None:
    solver_part = job().solver.model_copy(update={"generator": None, "balancer": None})
    with pytest.raises(PluginError, match="has no class: it is a pair"):
        make_solver(solver_part)


@pytest.mark.parametrize(
    ("rays", "message"),
    [
        ([[0.5, 0.5], [1.0, 0.1]], r"\[1.0, 0.1\] is not on the simplex"),
        ([[1.5, -0.5], [0.5, 0.5]], "is not on the simplex"),
        ([[0.2, 0.3, 0.5]], "one value for each of 2 objectives"),
        ([[1.0], [0.5, 0.5]], "one value for each of 2 objectives"),
        ([[float("nan"), 1.0], [0.5, 0.5]], "is not on the simplex"),
    ],
)
def test_rays_are_on_the_simplex_of_the_objectives(rays: list[list[float]], message: str) -> None:
    with pytest.raises(PreferenceError, match=message):
        job(rays=rays)
