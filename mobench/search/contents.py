"""Contents of a study: check that a study in a journal belongs to a given search, by contents and not by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mobench.errors import StoreError
from mobench.jobs.job import Job
from mobench.jobs.resolve import make_dataset
from mobench.jobs.suite import Range, Search, Suite
from mobench.records.protocols import differing, same_contents, stated_by
from mobench.records.store import Store
from mobench.search.journal import JOURNAL
from mobench.search.proposals import Trial, trials_of
from mobench.search.trial import plan_of
from mobench.text import one_line

if TYPE_CHECKING:
    import optuna

CONTENTS = "contents"
FORMER = "search"
"""User attribute of studies of earlier versions, which stored only the search."""
MOST_SHOWN = 4


def contents_of(alone: Suite, search: Search) -> dict[str, Any]:
    """Return everything that determines the results of a combination's trials, as JSON values.

    alone: a suite with a single combination.

    The job is that of the first options of the space. It contains solver, dataset, model, their versions and options,
    the budget and the rays. The number of trials is not included, so that a search can be extended.
    """
    jobs = plan_of(alone, first_of(search)).jobs
    job = jobs[0].model_dump(mode="json", exclude_none=True, exclude={"seeds"})
    return {
        "search": search.model_dump(mode="json", exclude={"trials", "solvers"}),
        "job": job,
        "seeds": list(alone.seeds),
        "protocol": stated_by(make_dataset(jobs[0].dataset)),
    }


def first_of(search: Search) -> dict[str, Any]:
    """Return the first value of each option in a search's space."""
    return {name: values.low if isinstance(values, Range) else values[0] for name, values in search.space.items()}


def check(study: optuna.Study, alone: Suite, search: Search, store: Store) -> None:
    """Raise StoreError with the differences unless a study belongs to this combination and search.

    Studies of earlier versions store only the search. For these, each trial is compared: the ids of its jobs are
    hashes of everything that determines their results.
    """
    contents = contents_of(alone, search)
    stored = study.user_attrs.get(CONTENTS)
    if stored is not None:
        _refuse(store, list(_differences(json.loads(stored), contents)))
        return
    if (stored_search := study.user_attrs.get(FORMER)) is not None:
        _refuse(store, list(_differences({"search": json.loads(stored_search)}, {"search": contents["search"]})))
    for trial in trials_of(study):
        if trial.jobs:
            _refuse(store, _of_trial(trial, alone, contents, store))


def state(study: optuna.Study, alone: Suite, search: Search) -> None:
    """Store the contents of a search in its study, unless the study has them already."""
    if study.user_attrs.get(CONTENTS) is None:
        study.set_user_attr(CONTENTS, json.dumps(contents_of(alone, search)))


def _of_trial(trial: Trial, alone: Suite, contents: Mapping[str, Any], store: Store) -> list[str]:
    """Return the differences between the jobs of a trial and the jobs that its options define now."""
    jobs = plan_of(alone, trial.settings).jobs
    for id_, job in zip(trial.jobs, jobs, strict=False):
        if id_ != job.id:
            return _of_job(id_, job, store) or [
                f"trial {trial.number} ran job {id_}, but its options give job {job.id}"
            ]
        record = store.read(job)
        if record is not None and not same_contents(record.protocol, contents["protocol"]):
            return [f"its trials were judged by {differing(record.protocol, contents['protocol'])}"]
    return [] if len(trial.jobs) == len(jobs) else [f"its trials have {len(trial.jobs)} seeds instead of {len(jobs)}"]


def _of_job(id_: str, job: Job, store: Store) -> list[str]:
    """Return the differences between a job and the job of the record with this id; [] if there is no record."""
    record = next((r for r in store.contents().records if r.id == id_), None)
    if record is None:
        return []
    stored, current = ({"job": j.model_dump(mode="json", exclude_none=True)} for j in (record.job, job))
    return list(_differences(stored, current))


def _refuse(store: Store, differences: Sequence[str]) -> None:
    if differences:
        shown = "; ".join(differences[:MOST_SHOWN])
        more = f"; and {len(differences) - MOST_SHOWN} more" if len(differences) > MOST_SHOWN else ""
        raise StoreError(
            f"{one_line(str(store.folder / JOURNAL))} is of another search: {one_line(shown + more)}: name another "
            "folder with --out, or move the journal away (records stay, and no job that has one is run again)"
        )


def _differences(stored: Any, current: Any, location: str = "") -> Iterator[str]:
    """Yield each value that differs, with its location: "job.solver.name 'ls' instead of 'mgda'"."""
    if isinstance(stored, dict) and isinstance(current, dict):
        for name in {**stored, **current}:
            yield from _differences(
                stored.get(name), current.get(name), f"{location}.{name}" if location else str(name)
            )
    elif stored != current:
        yield f"{location} {_shown(stored)} instead of {_shown(current)}"


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value)
