"""The tasks of a store: what every record of it must have in common with the others, and which seeds are complete."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from mobench.errors import MobenchError
from mobench.jobs import plan as plans
from mobench.jobs import seasons
from mobench.jobs import suite as suites
from mobench.jobs.job import Job, SeedSet
from mobench.jobs.resolve import make_dataset
from mobench.jobs.suite_schema import Search, Suite
from mobench.plugins import registry
from mobench.records.protocols import stated_by
from mobench.records.store import Store
from mobench.runs.suite_run import folder_of


@dataclass
class StoreTask:
    """A task of a store: a dataset with its model, protocol, budget and rays.

    protocol: as records store it.
    content:  the fields of its jobs that are the same for every solver and seed.
    imported_key: what imported points of it have, see `imported_key`.
    seeds:    those of a complete set of records.
    """

    title: str
    protocol: dict[str, Any]
    content: dict[str, Any]
    imported_key: str
    seeds: set[SeedSet] = field(default_factory=set)


@dataclass(frozen=True)
class StoreTasks:
    """The tasks of a store by the key of `task_key`.

    n_trials: the number of trials that the season's search allows for each solver and task; None: no search is stated.
    """

    tasks: dict[str, StoreTask]
    suite: Suite | None = None

    @property
    def n_trials(self) -> int | None:
        search = None if self.suite is None else self.suite.search
        return None if search is None else _n_trials(search)


def task_content(job: Job) -> dict[str, Any]:
    """Return everything in a job but its solver and its seeds."""
    return job.model_dump(mode="json", exclude={"solver", "seeds"}, exclude_none=True)


def task_key(job: Job) -> str:
    """Return everything in a job but its solver and its seeds, as text."""
    return json.dumps(task_content(job), sort_keys=True)


def imported_key(job: Job) -> str:
    """Return what an imported job has in common with the jobs of its task: dataset and protocol, as text."""
    return json.dumps(job.model_dump(mode="json", include={"dataset", "protocol"}), sort_keys=True)


def store_tasks(board: Path, store: str) -> StoreTasks:
    """Return the tasks of a store of a board.

    They are those of the registered suite whose records belong there, such as `season-2/small`; for other stores those
    of the records in it.

    Raises: MobenchError if there is neither a suite nor a record, or the suite of a season has changed.
    """
    suite = _suite_of(store)
    tasks: dict[str, StoreTask] = {}
    if suite is not None:
        plan = plans.plan(suite)
        seasons.check_frozen(suite, plan.jobs)
        protocols: dict[str, dict[str, Any]] = {}
        for job in plan.jobs:
            key = imported_key(job)
            if key not in protocols:
                protocols[key] = stated_by(make_dataset(job.dataset))
            _add(tasks, job, protocols[key])
        return StoreTasks(tasks, suite)
    for record in Store(board / store).contents().records:
        if record.imported is None and record.status == "completed":
            _add(tasks, record.job, record.protocol)
    if not tasks:
        raise MobenchError(
            f"store {store!r} of the board has no records, and no registered suite is of that name: what is comparable "
            "there is not known; run a suite into it, or name another store"
        )
    return StoreTasks(tasks)


def _suite_of(store: str) -> Suite | None:
    for name in registry().names("suite"):
        suite = suites.load(name)
        if folder_of(suite, None) == Path("results", store):
            return suite
    return None


def _add(tasks: dict[str, StoreTask], job: Job, protocol: dict[str, Any]) -> None:
    title = f"{job.dataset.name} · {job.model.name}"
    new = StoreTask(title, protocol, task_content(job), imported_key(job))
    tasks.setdefault(task_key(job), new).seeds.add(job.seeds)


def _n_trials(search: Search) -> int:
    """Return the number of trials of one solver on one task; for a grid the largest number of any solver."""
    if search.sampler == "tpe":
        return search.n_trials
    spaces = [search.space, *({**search.space, **space} for space in search.solvers.values())]
    return max(prod(len(values) for values in space.values() if isinstance(values, list)) for space in spaces)
