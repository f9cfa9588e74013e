"""Names and settings to a job, and a job back to the objects that run it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from mobench import options
from mobench.errors import IncompatibleError, MobenchError, OptionError, PreferenceError, nearest
from mobench.interfaces import Balancer, Dataset, Generator, Model, Solver
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import check_on_simplex
from mobench.plugins import Entry, Kind, Pair, Registry, Spec, plugin_key, registry
from mobench.runs.job import Budget, Job, Part, SeedSet, SolverPart


@dataclass(frozen=True)
class _Piece:
    """One part of a job while its options are being gathered."""

    role: str
    name: str
    cls: type[Any]
    version: str
    defaults: Mapping[str, Any]

    @property
    def accepted(self) -> list[str]:
        return [o.name for o in options.describe(self.cls)]

    def part(self, settings: Mapping[str, Any]) -> Part:
        built = options.build(self.cls, {**self.defaults, **settings}, f"{self.role} {self.name!r}")
        return Part(name=self.name, version=self.version, options=options.values(built))


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
    """The job that these names and settings mean, every option spelled out.

    solver:   a solver's name, or "generator+balancer".
    settings: option -> value. "lr" goes to whichever part has an option of that name; where
        several have, or to be exact, put the part in front: "dataset.", "model.", "solver.",
        "generator.", "balancer.".

    rays:     preferences [R][m] instead of those that n_rays and n_finite mean.
    n_looks:  looks at validation in training; None: ten.

    Raises: UnknownNameError, OptionError, PluginError; IncompatibleError where a pair makes no sense;
        PreferenceError for rays that are not on the simplex of the dataset's objectives.
    """
    if budget.elsewhere:
        raise OptionError("a job's budget is one of epochs, steps and seconds: elsewhere is for what is imported")
    known = registry()
    pieces = {
        "dataset": _piece("dataset", known.get("dataset", dataset)),
        "model": _piece("model", known.get("model", model)),
        **_solver_pieces(known, solver),
    }
    routed = _route(settings, pieces)
    parts = {role: piece.part(routed[role]) for role, piece in pieces.items()}
    made = make_dataset(parts["dataset"])
    _check_parts(made, parts, pieces)
    return Job(
        dataset=parts["dataset"],
        model=parts["model"],
        solver=SolverPart(
            **parts["solver"].model_dump(), generator=parts.get("generator"), balancer=parts.get("balancer")
        ),
        budget=budget,
        seeds=seeds or SeedSet(),
        n_rays=n_rays,
        n_finite=n_finite,
        rays=_checked_rays(rays, len(made.objectives)),
        n_looks=n_looks,
        protocol=made.protocol.version,
    )


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
    """A data set by name, every option spelled out. Raises: UnknownNameError, OptionError, PluginError."""
    own = {key.removeprefix("dataset."): value for key, value in (settings or {}).items()}
    return _piece("dataset", registry().get("dataset", name)).part(own)


def make_dataset(part: Part) -> Dataset:
    """The dataset of a job."""
    made: Dataset = _make("dataset", part)
    return made


def make_model(part: Part) -> Model:
    """The model of a job."""
    made: Model = _make("model", part)
    return made


def make_solver(part: SolverPart) -> Solver:
    """The solver of a job, composed where it is a pair."""
    if part.generator is None or part.balancer is None:
        made: Solver = _make("solver", part)
        return made
    generator: Generator = _make("generator", part.generator)
    balancer: Balancer = _make("balancer", part.balancer)
    return GradientSolver(generator, balancer, options.build(GradientOptions, part.options, f"solver {part.name!r}"))


def providers(job: Job) -> list[str]:
    """Keys of the plugins that a job's parts come from; [] where one of them is not known in this process."""
    parts: list[tuple[Kind, Part | None]] = [
        ("dataset", job.dataset), ("model", job.model),
        ("generator", job.solver.generator), ("balancer", job.solver.balancer),
    ]  # fmt: skip
    if job.solver.generator is None:
        parts.append(("solver", job.solver))
    try:
        return sorted({plugin_key(registry().get(kind, part.name).plugin) for kind, part in parts if part is not None})
    except MobenchError:
        return []


def _make(kind: Kind, part: Part) -> Any:
    return options.build(registry().get(kind, part.name).load(), part.options, f"{kind} {part.name!r}")


def _piece(role: Kind, entry: Entry, defaults: Mapping[str, Any] | None = None) -> _Piece:
    own = entry.spec.defaults if isinstance(entry.spec, Spec) else {}
    return _Piece(role, entry.name, entry.load(), entry.version, {**own, **(defaults or {})})


def _solver_pieces(known: Registry, name: str) -> dict[str, _Piece]:
    if "+" in name:
        generator, _, balancer = name.partition("+")
        pair, version = Pair(name, generator, balancer), "pair"
    else:
        entry = known.get("solver", name)
        if not isinstance(entry.spec, Pair):
            return {"solver": _piece("solver", entry)}
        pair, version = entry.spec, entry.version
    defaults = _by_part(pair.defaults)
    return {
        "solver": _Piece("solver", name, GradientOptions, version, defaults["solver"]),
        "generator": _piece("generator", known.get("generator", pair.generator), defaults["generator"]),
        "balancer": _piece("balancer", known.get("balancer", pair.balancer), defaults["balancer"]),
    }


def _check_parts(dataset: Dataset, parts: Mapping[str, Part], pieces: Mapping[str, _Piece]) -> None:
    """Ask every part that has a say whether it can serve this combination. Raises: IncompatibleError."""
    make_model(parts["model"]).check(dataset)
    if "generator" not in parts:
        return
    _check_pair(pieces["generator"], pieces["balancer"], parts["solver"].options["n_preferences"])
    generator: Generator = _make("generator", parts["generator"])
    generator.check(dataset)


def _check_pair(generator: _Piece, balancer: _Piece, n_preferences: int) -> None:
    """Refuse pairs that would train something other than what their name says."""
    if balancer.cls.couples_preferences and not generator.cls.finite and n_preferences < 2:
        raise IncompatibleError(
            f"{generator.name}+{balancer.name}: balancer {balancer.name!r} weighs preferences against each other, but "
            f"n_preferences is {n_preferences}: set it to 2 or more"
        )
    if not balancer.cls.needs_preference and not generator.cls.finite:
        raise IncompatibleError(
            f"{generator.name}+{balancer.name}: balancer {balancer.name!r} ignores the preference, so a network that "
            "takes one would learn the same point for all of them: pair it with a finite generator such as a stack"
        )


def _by_part(defaults: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    parts: dict[str, dict[str, Any]] = {"solver": {}, "generator": {}, "balancer": {}}
    for key, value in defaults.items():
        role, _, name = key.partition(".")
        parts[role][name] = value
    return parts


def _route(settings: Mapping[str, Any], pieces: Mapping[str, _Piece]) -> dict[str, dict[str, Any]]:
    """Each setting to the part it is meant for."""
    routed: dict[str, dict[str, Any]] = {role: {} for role in pieces}
    for key, value in settings.items():
        role, dot, name = key.partition(".")
        if dot:
            if role not in pieces:
                raise OptionError(f"setting {key!r}: no part is called {role!r}; accepted: {', '.join(pieces)}")
            routed[role][name] = value
            continue
        takers = [r for r, piece in pieces.items() if key in piece.accepted]
        if not takers:
            every = [name for piece in pieces.values() for name in piece.accepted]
            hint = nearest(key, every) or f"; accepted: {', '.join(dict.fromkeys(every))}"
            whose = " × ".join(piece.name for piece in pieces.values())
            raise OptionError(f"no part of {whose} has an option {key!r}{hint}")
        if len(takers) > 1:
            exact = " or ".join(f"{r}.{key}" for r in takers)
            raise OptionError(f"option {key!r} is known to {' and '.join(takers)}: say {exact}")
        routed[takers[0]][key] = value
    return routed
