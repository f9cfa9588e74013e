"""Shortening of the commands of READMEs for tests. Nothing else of a command is changed.

- `mobench run` and `mobench tune` get a copy of the suite's file with two training steps, one seed, five rays, one
  validation check, and each dataset's small configuration. If a suite has more than `MANY` jobs and the command
  selects none of them, the copy has only the first dataset and the first two solvers of its first entry.
- Jobs run in the process of the command (`readmes.here`), and strategies are not measured.
- `mobench tune` runs one of its trials.

The command's own arguments stay as they are, before the added ones.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mobench.jobs import suite as suites
from mobench.jobs.suite import Suite, SuiteEntry
from mobench.plugins import Spec, registry

MANY = 4
CHOOSING = {"--dataset", "--model", "--solver"}


def words(command: str, folder: Path) -> list[str]:
    """Return the arguments after `mobench`; write the copy of a suite into `folder`, where the command will run."""
    _, *arguments = shlex.split(command)
    if arguments[0] not in ("run", "tune") or len(arguments) < 2:
        return arguments
    datasets = arguments[arguments.index("--dataset") + 1].split(",") if "--dataset" in arguments else []
    suite = copy(arguments[1], folder, datasets, is_chosen_from=bool(CHOOSING & {*arguments}))
    added = ["--trials", "1"] if arguments[0] == "tune" else ["--executor", "readmes.here", "--strategy", "default"]
    return [arguments[0], suite, *arguments[2:], *added]


def copy(suite: str, folder: Path, datasets: Sequence[str] = (), is_chosen_from: bool = False) -> str:
    """Write a short copy of a suite, given by name or by its file in `folder`; return the copy's file name."""
    loaded = suites.load(str(folder / suite) if suite.endswith(".toml") else suite)
    path = folder / f"{loaded.name}.toml"
    path.write_text(as_toml(shorter(loaded, datasets, is_chosen_from)), encoding="utf-8")
    return path.name


def shorter(suite: Suite, datasets: Sequence[str], is_chosen_from: bool) -> Suite:
    """Return the shortened suite for a command that selects these datasets."""
    entries = list(suite.entries)
    n_jobs = sum(len(e.datasets) * len(e.models) * len(e.solvers) for e in entries)
    if n_jobs > MANY and not is_chosen_from:
        first = entries[0]
        entries = [first.model_copy(update={"datasets": first.datasets[:1], "solvers": first.solvers[:2]})]
    entries = [_small(entry, datasets) for entry in entries]
    budget = {"steps": 2, "batch_size": 16}
    update: dict[str, Any] = {"seeds": suite.seeds[:1], "n_rays": 5, "n_finite": 3, "n_looks": 1, "budget": budget}
    update["season"] = None  # its jobs are others than those of the season
    left = {solver for entry in entries for solver in entry.solvers}
    update["solvers"] = {solver: table for solver, table in suite.solvers.items() if solver in left}
    if suite.table is not None:
        tables = {solver: table for solver, table in suite.table.solvers.items() if solver in left}
        update["table"] = suite.table.model_copy(update={"budget": None, "solvers": tables})
    if suite.search is not None:
        spaces = {solver: space for solver, space in suite.search.solvers.items() if solver in left}
        update["search"] = suite.search.model_copy(update={"solvers": spaces})
    return Suite.model_validate({**dict(suite), **update, "entries": entries})


def as_toml(suite: Suite) -> str:
    """Return the TOML of a suite. Its name is that of the file, so it is omitted."""
    fields = suite.model_dump(exclude_none=True, exclude={"name"})
    return "".join(f"{key} = {_toml(value)}\n" for key, value in fields.items())


def _small(entry: SuiteEntry, datasets: Sequence[str]) -> SuiteEntry:
    """Return an entry with small options of the selected datasets; options of others would be rejected."""
    small: dict[str, Any] = {}
    entries = registry().entries["dataset"]
    for name in entries.keys() & {*entry.datasets} & {*(datasets or entry.datasets)}:
        spec = entries[name].spec
        assert isinstance(spec, Spec)
        small |= spec.small
    return entry.model_copy(update={"set": {**entry.set, **small}, "budget": None})


def _toml(value: Any) -> str:
    """Return a value as TOML: numbers, strings and booleans as in JSON, tables in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)
