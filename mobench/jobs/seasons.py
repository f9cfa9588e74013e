"""Seasons: sets of suites whose tasks, protocols, budgets, search and code versions do not change.

A suite with a table `[season]` is a track of that season. The file `NAME.frozen` beside the suite lists the id of each
of its jobs, and a hash of its search and targets. A job's id contains the versions, options and protocol of its parts,
so the file determines what the season compares.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mobench import files
from mobench.errors import SuiteError, unknown_name
from mobench.jobs.suite_schema import SeasonTrack, Suite
from mobench.plugins import SuiteFile, registry

if TYPE_CHECKING:
    from mobench.jobs.job import Job

SEARCH = "search"
"""First word of the line of a frozen file that has the hash of a suite's search and targets."""
MAX_FROZEN_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Season:
    """A season and its tracks: track name -> suite name."""

    name: str
    tracks: Mapping[str, str]


def seasons() -> dict[str, Season]:
    """Return the seasons of all registered suites by name."""
    from mobench.jobs import suite as suites

    tracks: dict[str, dict[str, str]] = {}
    for suite_name in registry().names("suite"):
        season = suites.load(suite_name).season
        if season is None:
            continue
        others = tracks.setdefault(season.name, {})
        if season.track in others:
            raise SuiteError(
                f"season {season.name!r} has two suites for track {season.track!r}, {others[season.track]!r} and "
                f"{suite_name!r}: give each suite a track of its own"
            )
        others[season.track] = suite_name
    return {name: Season(name, dict(sorted(tracks[name].items()))) for name in sorted(tracks)}


def get(name: str) -> Season:
    """Return a season by its name. Raises: UnknownNameError."""
    available = seasons()
    if name not in available:
        raise unknown_name("season", name, available)
    return available[name]


def check_selection(
    suite: Suite, datasets: Sequence[str], models: Sequence[str], rays: Sequence[object], preset: str | None
) -> None:
    """Raise SuiteError for overrides that replace what the season of a suite fixes.

    Parts of the suite may be selected, and other solvers may run in it.
    """
    season = suite.season
    if season is None or not season.labelled:
        return
    accepted = {
        "datasets": {name for entry in suite.entries for name in entry.datasets},
        "models": {name for entry in suite.entries for name in entry.models},
    }
    for kind, names in (("datasets", datasets), ("models", models)):
        if others := [name for name in names if name not in accepted[kind]]:
            raise SuiteError(
                f"season {season.name!r} fixes its {kind}, and {', '.join(others)} is not one of them: choose from "
                f"{', '.join(sorted(accepted[kind]))}, or write a suite of your own"
            )
    if len(rays) or preset:
        what = "rays" if len(rays) else f"training, and preset {preset!r} changes it"
        raise SuiteError(f"season {season.name!r} fixes its {what}: leave the option out, or write a suite of your own")


def check_fixed(season: SeasonTrack, job: Job, unchanged: Job) -> None:
    """Raise SuiteError if overrides changed the dataset, model or budget of a job of a season.

    unchanged: the job without overrides. Options of the solver may differ: they are its author's choice.
    """
    for part in ("dataset", "model", "budget"):
        if getattr(job, part) != getattr(unchanged, part):
            raise SuiteError(
                f"season {season.name!r} fixes the {part} of its jobs, and an override changes it for "
                f"{job.dataset.name}: leave the override out, or write a suite of your own"
            )


def frozen_file(suite_name: str) -> Path:
    """Return the path of the frozen file of a registered suite. Raises: UnknownNameError."""
    spec = registry().get("suite", suite_name).spec
    assert isinstance(spec, SuiteFile)
    return spec.path.with_suffix(".frozen")


def frozen_lines(suite: Suite, jobs: Iterable[Job]) -> list[str]:
    """Return the lines of a frozen file: the hash of search and targets, then id and names of each job."""
    return [
        f"{SEARCH} {_search_hash(suite)}",
        *sorted(" ".join([job.id, *_names(job)]) for job in jobs),
    ]


def _names(job: Job) -> tuple[str, str, str, str]:
    return job.dataset.name, job.model.name, job.solver.name, str(job.seeds.solver)


def _search_hash(suite: Suite) -> str:
    search = None if suite.search is None else suite.search.model_dump(mode="json")
    targets = {} if suite.season is None else suite.season.targets
    text = json.dumps([search, targets], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_frozen(suite_name: str) -> list[str] | None:
    """Return the lines of the frozen file of a suite; None if it is not frozen. Raises: SuiteError."""
    path = frozen_file(suite_name)
    if not path.exists():
        return None
    try:
        return files.read(path, MAX_FROZEN_BYTES).decode().splitlines()
    except (OSError, ValueError) as error:
        raise SuiteError(f"{path.name} cannot be read: {error}") from error


def changes(suite: Suite, jobs: Iterable[Job]) -> list[str]:
    """Return one line for each job of a frozen suite whose id differs from the frozen one, and for its search.

    jobs: all or some jobs of the suite. Jobs of solvers and seeds that the frozen file does not have are ignored. An
        empty list means that nothing has changed, or that the suite is not frozen.
    """
    frozen = read_frozen(suite.name)
    if frozen is None:
        return []
    first, *lines = frozen
    ids: dict[tuple[str, ...], set[str]] = {}
    for line in lines:
        id_, *names = line.split()
        ids.setdefault(tuple(names), set()).add(id_)
    changed = [] if first == f"{SEARCH} {_search_hash(suite)}" else ["the search or the targets"]
    for job in jobs:
        frozen_ids = ids.get(_names(job), {job.id})
        if job.id not in frozen_ids:
            *parts, seed = _names(job)
            frozen_id = ", ".join(sorted(frozen_ids))
            changed.append(f"{' × '.join(parts)}, seed {seed}: {frozen_id} when frozen, {job.id} now")
    return changed


def check_frozen(suite: Suite, jobs: Iterable[Job]) -> None:
    """Raise SuiteError if jobs of a frozen suite have changed: their records would not belong to its season.

    Jobs that do not carry the name of the season, such as those of a copy of a suite of season 1, may change.
    """
    if suite.season is None or not suite.season.labelled or suite.overrides:  # options of overrides are not frozen
        return
    if changed := changes(suite, jobs):
        raise SuiteError(
            f"suite {suite.name!r} of season {suite.season.name!r} is frozen, and {len(changed)} of its jobs have "
            f"changed, first {changed[0]}: install the version of the parts that the season was frozen with, or run a "
            "suite of a later season"
        )
