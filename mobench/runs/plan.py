"""The jobs of a suite: the cross products of its datasets, models, solvers and seeds."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import Any

from mobench.errors import IncompatibleError, SuiteError
from mobench.runs.job import Job, SeedSet
from mobench.runs.suite import Entry, Suite

MAX_JOBS = 100_000


@dataclass
class Plan:
    """The jobs of a suite, and the combinations that a part declined, with its reason."""

    suite: str
    jobs: list[Job] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)


def plan(suite: Suite) -> Plan:
    """All jobs of a suite, each once.

    Raises: UnknownNameError, OptionError, PluginError for a name or an option that does not exist;
        PreferenceError for rays that are not on the simplex of a dataset; SuiteError where
        there are too many jobs, or where every combination was declined.
    """
    from mobench.runs.resolve import resolve

    combinations = [
        (entry, *names) for entry in suite.entries for names in product(entry.datasets, entry.models, entry.solvers)
    ]
    if len(combinations) * len(suite.seeds) > MAX_JOBS:
        raise SuiteError(f"suite {suite.name!r} has over {MAX_JOBS} jobs: split it")
    made, jobs = Plan(suite.name), {}
    for entry, dataset, model, solver in combinations:
        settings = settings_of(suite, entry, solver)
        try:
            first = resolve(
                dataset,
                model,
                solver,
                settings,
                entry.budget or suite.budget,
                n_rays=suite.n_rays,
                n_finite=suite.n_finite,
                rays=suite.rays,
                n_looks=suite.n_looks,
            )
        except IncompatibleError as reason:
            made.declined.append(f"{dataset} × {model} × {solver}: {reason}")
            continue
        for seed in suite.seeds:
            job = Job.model_validate({**first.model_dump(), "seeds": SeedSet.all(seed).model_dump()})
            jobs[job.id] = job
    made.jobs = list(jobs.values())
    if not made.jobs:
        raise SuiteError(f"suite {suite.name!r} has no job left: {'; '.join(made.declined)}")
    return made


def apart(suite: Suite) -> list[Suite]:
    """A suite for each combination of dataset, model and solver, with the options and the search that are its own."""
    alone = []
    for entry in suite.entries:
        for dataset, model, solver in product(entry.datasets, entry.models, entry.solvers):
            one = Entry(
                datasets=[dataset],
                models=[model],
                solvers=[solver],
                set=settings_of(suite, entry, solver),
                budget=entry.budget,
            )
            search = suite.search
            if search is not None:
                space = {**search.space, **search.solvers.get(solver, {})}
                search = search.model_copy(update={"space": space, "solvers": {}})
            alone.append(suite.model_copy(update={"entries": [one], "solvers": {}, "search": search}))
    return alone


def settings_of(suite: Suite, entry: Entry, solver: str) -> dict[str, Any]:
    """All options that a suite gives one solver of an entry."""
    return {**entry.set, **{_own(key): value for key, value in suite.solvers.get(solver, {}).items()}}


def _own(key: str) -> str:
    """An option of a single solver's table is the solver's unless it says otherwise."""
    return key if "." in key else f"solver.{key}"
