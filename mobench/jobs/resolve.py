"""Resolution of names and settings to a job, and construction of the objects of a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

import torch

from mobench import options
from mobench.errors import IncompatibleError, MobenchError, PreferenceError
from mobench.interfaces import (
    Balancer,
    Dataset,
    Generator,
    Model,
    Problem,
    Sampler,
    Solver,
    check_generator,
    check_model,
    check_start,
)
from mobench.interfaces.target_state import statistics_declined
from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.jobs.part_sources import PartSource, exact_name, piece_of, solver_pieces
from mobench.jobs.precedence import COMMAND_LINE, Layer, OptionSetting, budget_layer, budget_of, combine
from mobench.jobs.rays import rays_version
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.pairing import check_pair, check_sampler
from mobench.learning.preferences import check_on_simplex
from mobench.learning.samplers import DEFAULT
from mobench.plugins import Kind, plugin_key, registry


@dataclass(frozen=True)
class Resolved:
    """A job and its settings: every option that is set by a place other than the class."""

    job: Job
    settings: tuple[OptionSetting, ...]


def resolve(
    dataset: str,
    model: str,
    solver: str,
    settings: Mapping[str, Any],
    budget: Budget,
    seeds: SeedSet | None = None,
    n_rays: int = 25,
    n_finite: int = 5,
    rays: Sequence[Sequence[float]] | None = None,
    n_looks: int | None = None,
) -> Job:
    """Return the job of these names and settings.

    The job states the values of all options, except options added in later versions that reproduce earlier records.

    solver:   a solver's name, or "generator+balancer".
    settings: option -> value. "lr" is assigned to the part that has an option of that name. If several parts
        have one, add the prefix of the part: "dataset.", "model.", "solver.", "generator.", "balancer.", "sampler.".

    rays:     preferences [R][m] that replace those of n_rays and n_finite.
    n_looks:  number of validation checks during training; None means ten.

    Raises: UnknownNameError, OptionError, PluginError; IncompatibleError where the parts do not fit together;
        PreferenceError for rays that are not on the simplex of the dataset's objectives.
    """
    layers = [budget_layer("the budget", budget), Layer("the settings", settings)]
    return resolve_layers(dataset, model, solver, layers, seeds, n_rays, n_finite, rays, n_looks).job


def resolve_layers(
    dataset: str | PartSource,
    model: str | PartSource,
    solver: str | PartSource,
    layers: Sequence[Layer],
    seeds: SeedSet | None = None,
    n_rays: int = 25,
    n_finite: int = 5,
    rays: Sequence[Sequence[float]] | None = None,
    n_looks: int | None = None,
    patience: int | None = None,
) -> Resolved:
    """Return the job, as `resolve`, from the settings of several places, lowest precedence first.

    Budget options such as "budget.epochs" are settings too.

    dataset, model, solver: a registered name, or the source of an object that is not registered (`ObjectSource`).
    patience: see `Job`.

    Raises: as `resolve`.
    """
    pieces, defaults = _pieces(dataset, model, solver, layers)
    settings = combine([*defaults, *layers], partial(exact_name, pieces=pieces))
    parts = {role: piece.part(_values(role, settings)) for role, piece in pieces.items()}
    budget = budget_of(settings)
    instance: Dataset = pieces["dataset"].create(parts["dataset"])
    _check_parts(instance, parts, pieces, budget)
    job = Job(
        dataset=parts["dataset"],
        model=parts["model"],
        solver=SolverPart(
            **parts["solver"].model_dump(),
            generator=parts.get("generator"),
            balancer=parts.get("balancer"),
            sampler=_stated_sampler(parts),
        ),
        budget=budget,
        seeds=seeds or SeedSet(),
        n_rays=n_rays,
        n_finite=n_finite,
        rays=_checked_rays(rays, len(instance.objectives)),
        rays_version=rays_version(len(instance.objectives)) if rays is None else None,
        n_looks=n_looks,
        patience=patience,
        protocol=instance.protocol.version,
    )
    return Resolved(job, tuple(settings))


def exact_names(dataset: str, model: str, solver: str, layers: Sequence[Layer] = ()) -> Callable[[str], str]:
    """Return a function that adds the prefix of its part to an option, "lr" -> "solver.lr". Raises: as `resolve`.

    layers: the settings, of which the one that chooses the sampler adds the options of the sampler.
    """
    pieces, _ = _pieces(dataset, model, solver, layers)
    return partial(exact_name, pieces=pieces)


def solver_options(name: str) -> tuple[dict[str, type[Any]], dict[str, OptionSetting]]:
    """Return the classes of a solver's parts by role, and the options that the registered names set."""
    pieces, pair = solver_pieces(registry(), name, ())
    settings = combine([*(piece.defaults for piece in pieces.values()), pair], str)
    return {role: piece.cls for role, piece in pieces.items()}, {setting.name: setting for setting in settings}


def _checked_rays(rays: Sequence[Sequence[float]] | None, n_objectives: int) -> list[list[float]] | None:
    if rays is None:
        return None
    if {len(ray) for ray in rays} != {n_objectives}:
        raise PreferenceError(
            f"rays {[list(ray) for ray in rays]} do not have one value for each of {n_objectives} objectives"
        )
    check_on_simplex(torch.tensor(rays, dtype=torch.float64))
    return [list(ray) for ray in rays]


def dataset_part(name: str, settings: Mapping[str, Any] | None = None) -> Part:
    """Return a dataset by name, with options as in `resolve`. Raises: UnknownNameError, OptionError, PluginError."""
    piece = piece_of("dataset", registry().get("dataset", name))
    layers = [piece.defaults, Layer(COMMAND_LINE, settings or {})]
    return piece.part(_values("dataset", combine(layers, lambda key: f"dataset.{key.removeprefix('dataset.')}")))


def make_dataset(part: Part) -> Dataset:
    """Create the dataset of a job."""
    dataset: Dataset = _make("dataset", part)
    return dataset


def make_model(part: Part) -> Model:
    """Create the model of a job."""
    model: Model = _make("model", part)
    return model


def make_solver(part: SolverPart) -> Solver:
    """Create the solver of a job. A pair becomes a `GradientSolver`."""
    if part.generator is None or part.balancer is None:
        solver: Solver = _make("solver", part)
        return solver
    generator: Generator = _make("generator", part.generator)
    balancer: Balancer = _make("balancer", part.balancer)
    sampler: Sampler | None = None if part.sampler is None else _make("sampler", part.sampler)
    training = options.restore(GradientOptions, part.options, f"solver {part.name!r}")
    return GradientSolver(generator, balancer, training, sampler)


def every_option(job: Job) -> dict[str, Any]:
    """Return "role.option" -> value for all parts of a job, with the values of options that the job omits."""
    registered = job.registered_parts
    values: dict[str, Any] = {}
    for role, part in job.parts.items():
        cls = GradientOptions if role not in registered else registry().get(role, part.name).load()
        left_out = {o.name: o.omitted for o in options.describe(cls) if o.added}
        values |= {f"{role}.{name}": value for name, value in {**left_out, **part.options}.items()}
    return values


def providers(job: Job) -> list[str]:
    """Return the keys of the plugins that provide a job's parts; [] if one of them is unknown in this process."""
    try:
        return sorted({plugin_key(registry().get(k, part.name).plugin) for k, part in job.registered_parts.items()})
    except MobenchError:
        return []


def _make(kind: Kind, part: Part) -> Any:
    return options.restore(registry().get(kind, part.name).load(), part.options, f"{kind} {part.name!r}")


def _pieces(
    dataset: str | PartSource, model: str | PartSource, solver: str | PartSource, layers: Sequence[Layer]
) -> tuple[dict[str, PartSource], list[Layer]]:
    """Return the parts of a combination by role, and the options that their names set, lowest precedence first."""
    entries = registry()
    if isinstance(solver, PartSource):
        of_solver, pair = {"solver": solver}, Layer(f"solver {solver.name!r}", {})
    else:
        of_solver, pair = solver_pieces(entries, solver, layers)
    pieces = {
        "dataset": dataset if isinstance(dataset, PartSource) else piece_of("dataset", entries.get("dataset", dataset)),
        "model": model if isinstance(model, PartSource) else piece_of("model", entries.get("model", model)),
        **of_solver,
    }
    return pieces, [*(piece.defaults for piece in pieces.values()), pair]


def _stated_sampler(parts: Mapping[str, Part]) -> Part | None:
    """Return the sampler that a job states: none for the default one, so that ids of earlier jobs stay."""
    sampler = parts.get("sampler")
    return None if sampler is None or sampler.name == DEFAULT else sampler


def _check_parts(dataset: Dataset, parts: Mapping[str, Part], pieces: Mapping[str, PartSource], budget: Budget) -> None:
    """Check that the parts of a combination fit together. Raises: IncompatibleError."""
    model: Model = pieces["model"].create(parts["model"])
    check_model(model, dataset)
    if "generator" not in parts:
        solver: Solver = pieces["solver"].create(parts["solver"])
        if type(solver).check is not Solver.check and (problem := _problem(parts, pieces)) is not None:
            solver.check(problem)
        return
    halves = pieces["generator"], pieces["balancer"]
    n_preferences = parts["solver"].options["n_preferences"]
    check_pair(halves[0].cls, halves[1].cls, n_preferences, "+".join(half.name for half in halves))
    generator: Generator = _make("generator", parts["generator"])
    if (sampler := _stated_sampler(parts)) is not None:
        if generator.finite:
            raise IncompatibleError(
                f"generator {pieces['generator'].name!r} trains its own rays, so sampler {sampler.name!r} would have "
                "no effect: set it for other solvers only, in [solvers.NAME] of a suite"
            )
        m = len(dataset.objectives)
        check_sampler(_make("sampler", sampler), sampler.name, m, n_preferences, budget.seconds is None)
    check_generator(generator, dataset)
    check_start(generator, model)
    if generator.keeps_statistics and type(generator).check_problem is Generator.check_problem:
        return
    problem = _problem(parts, pieces)
    if problem is None:
        return
    if problem.state.layers and not generator.keeps_statistics:
        raise IncompatibleError(statistics_declined(problem.state.layers, f"generator {pieces['generator'].name!r}"))
    generator.check_problem(problem)


def _problem(parts: Mapping[str, Part], pieces: Mapping[str, PartSource]) -> Problem | None:
    """Return the problem of a dataset and a model; None if its target network cannot be built."""
    dataset, model = pieces["dataset"], pieces["model"]
    if dataset.is_registered and model.is_registered:
        return _problem_of(parts["model"].model_dump_json(), parts["dataset"].model_dump_json())
    return _built(lambda: Problem(dataset.create(parts["dataset"]), model.create(parts["model"])))


@lru_cache(maxsize=2)  # a few, because target networks may be large
def _problem_of(model: str, dataset: str) -> Problem | None:
    """Return the problem of two parts as JSON; None if its target network cannot be built."""
    return _built(
        lambda: Problem(make_dataset(Part.model_validate_json(dataset)), make_model(Part.model_validate_json(model)))
    )


def _built(new_problem: Callable[[], Problem]) -> Problem | None:
    """Return a new problem; None if its target network cannot be built. torch's random state is not changed."""
    with torch.random.fork_rng(devices=[]):
        try:
            return new_problem()
        except IncompatibleError:
            raise
        except Exception:  # the job itself reports this error in its record
            return None


def _values(role: str, settings: Sequence[OptionSetting]) -> dict[str, Any]:
    """Return the options of one part."""
    return {s.name.removeprefix(f"{role}."): s.value for s in settings if s.name.startswith(f"{role}.")}
