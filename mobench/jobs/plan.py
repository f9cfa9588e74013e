"""Plans: the jobs of a suite, which are the cross products of its datasets, models, solvers and seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from mobench.errors import IncompatibleError, OptionError, SuiteError
from mobench.jobs.job import Job, SeedSet
from mobench.jobs.precedence import (
    COMMAND_LINE,
    SUITE_BUDGET,
    Layer,
    OptionSetting,
    budget_layer,
    combine,
    is_same_option,
)
from mobench.jobs.seasons import check_fixed
from mobench.jobs.solver_presets import preset_layer
from mobench.jobs.suite import Search, Suite, SuiteEntry

MAX_JOBS = 100_000


@dataclass(frozen=True)
class Combination:
    """A dataset, a model and a solver of a suite: the jobs, one per seed, and the settings that they use."""

    jobs: tuple[Job, ...]
    settings: tuple[OptionSetting, ...]


@dataclass
class Plan:
    """The jobs of a suite, and the combinations that a part declined, with the reasons."""

    suite: str
    jobs: list[Job] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    combinations: list[Combination] = field(default_factory=list)


def plan(suite: Suite) -> Plan:
    """Return all jobs of a suite without duplicates.

    Raises: UnknownNameError, OptionError, PluginError for a name or an option that does not exist;
        PreferenceError for rays that are not on the simplex of a dataset; SuiteError where
        there are too many jobs, or where every combination is declined.
    """
    triples = [
        (entry, *names) for entry in suite.entries for names in product(entry.datasets, entry.models, entry.solvers)
    ]
    if len(triples) * len(suite.seeds) > MAX_JOBS:
        raise SuiteError(f"suite {suite.name!r} has over {MAX_JOBS} jobs: split it")
    result, jobs = Plan(suite.name), dict[str, Job]()
    for entry, dataset, model, solver in triples:
        try:
            combination = combination_of(suite, entry, dataset, model, solver)
        except IncompatibleError as reason:
            result.declined.append(f"{dataset} × {model} × {solver}: {reason}")
            continue
        new = {job.id: job for job in combination.jobs if job.id not in jobs}
        if new:
            result.combinations.append(combination)
        jobs |= new
    result.jobs = list(jobs.values())
    if not result.jobs:
        raise SuiteError(f"suite {suite.name!r} has no job left: {'; '.join(result.declined)}")
    return result


def combination_of(
    suite: Suite, entry: SuiteEntry, dataset: str, model: str, solver: str, searched: Mapping[str, Any] | None = None
) -> Combination:
    """Return one combination of an entry. searched: options of a trial. Raises: as `plan`; IncompatibleError."""
    from mobench.jobs.resolve import resolve_layers

    resolved = resolve_layers(
        dataset,
        model,
        solver,
        layers_of(suite, entry, solver, searched),
        n_rays=suite.n_rays,
        n_finite=suite.n_finite,
        rays=suite.rays,
        n_looks=suite.n_looks,
    )
    content = resolved.job.model_dump()
    if suite.season is not None and suite.season.labelled:
        if suite.overrides:
            suite_layers = [
                layer for layer in layers_of(suite, entry, solver, searched) if layer.source != COMMAND_LINE
            ]
            check_fixed(suite.season, resolved.job, resolve_layers(dataset, model, solver, suite_layers).job)
        content["season"] = suite.season.name
    jobs = [Job.model_validate({**content, "seeds": SeedSet.all(seed).model_dump()}) for seed in suite.seeds]
    return Combination(tuple(jobs), resolved.settings)


def layers_of(suite: Suite, entry: SuiteEntry, solver: str, searched: Mapping[str, Any] | None = None) -> list[Layer]:
    """Return the settings of suite, preset, search and command line for one solver, lowest precedence first."""
    settings = {_exact_name(key): value for key, value in suite.solvers.get(solver, {}).items()}
    return [
        budget_layer(SUITE_BUDGET, suite.budget),
        budget_layer("[entries.budget]", entry.budget),
        Layer("[entries.set]", entry.set),
        Layer(f"[solvers.{solver}]", settings),
        preset_layer(solver, entry.preset),
        Layer("[search]", searched or {}),
        Layer(COMMAND_LINE, suite.overrides),
    ]


def apart(suite: Suite) -> list[Suite]:
    """Split a suite into one suite per combination of dataset, model and solver, with its options and search."""
    return [
        suite.model_copy(
            update={
                "entries": [entry.model_copy(update={"datasets": [dataset], "models": [model], "solvers": [solver]})],
                "solvers": {name: table for name, table in suite.solvers.items() if name == solver},
                "search": None if suite.search is None else _own_search(suite, suite.search, dataset, model, solver),
            }
        )
        for entry in suite.entries
        for dataset, model, solver in product(entry.datasets, entry.models, entry.solvers)
    ]


def not_searched(suite: Suite) -> list[str]:
    """Return the searched options that the command line sets, so that no combination searches them."""
    if suite.search is None:
        return []
    names = [
        setting.name
        for entry in suite.entries
        for triple in product(entry.datasets, entry.models, entry.solvers)
        for setting in _searched(suite, suite.search, *triple)[1]
    ]
    return list(dict.fromkeys(names))


def _own_search(suite: Suite, search: Search, dataset: str, model: str, solver: str) -> Search:
    """Return the search of one combination. Raises: OptionError where no option is left to search."""
    searched, _ = _searched(suite, search, dataset, model, solver)
    if not searched:
        raise OptionError(
            f"the {COMMAND_LINE} sets all options of [search.space] for {solver}: leave some to the search"
        )
    return search.model_copy(update={"space": {s.key: s.value for s in searched}, "solvers": {}})


def _searched(
    suite: Suite, search: Search, dataset: str, model: str, solver: str
) -> tuple[list[OptionSetting], list[OptionSetting]]:
    """Return the options that a combination searches, and those that it does not because the command line sets them."""
    from mobench.jobs.resolve import exact_names

    solver_table = {_exact_name(key): value for key, value in suite.solvers.get(solver, {}).items()}
    exact = exact_names(
        dataset,
        model,
        solver,
        [
            *(Layer("[entries.set]", entry.set) for entry in suite.entries),
            Layer("", solver_table),
            Layer("", suite.overrides),
        ],
    )
    tables = [
        Layer("[search.space]", search.space),
        Layer(f"[search.solvers.{solver}]", search.solvers.get(solver, {})),
    ]
    fixed = [exact(key) for key in suite.overrides]
    free, set_elsewhere = list[OptionSetting](), list[OptionSetting]()
    for setting in combine(tables, exact):
        is_fixed = any(is_same_option(setting.name, name) for name in fixed)
        (set_elsewhere if is_fixed else free).append(setting)
    return free, set_elsewhere


def _exact_name(key: str) -> str:
    """Return the exact name of an option in a solver's table: without a prefix it belongs to the solver."""
    return key if "." in key else f"solver.{key}"
