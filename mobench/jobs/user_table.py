"""Suites on a user's own table: the `[table]` of a suite names the dataset and the models that it runs on a file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from mobench.errors import DataError, OptionError, SuiteError
from mobench.jobs.suite_schema import Suite, SuiteEntry
from mobench.plugins import registry
from mobench.text import name_hint, one_line

FILE, CHECKSUM, TARGETS = "dataset.file", "dataset.sha256", "dataset.targets"
"""Options that a dataset for tables must have."""
MAX_NAME = 80


def on_table(suite: Suite, path: str | Path | None, targets: Sequence[str]) -> Suite:
    """Return the suite with one entry, its `[table]` on the user's file, and with a name of its own.

    The jobs state the path, the SHA-256 of the file and the targets, so that a record belongs to one content.

    targets: names of the columns that become objectives.

    Raises: OptionError for targets without a file; DataError for a file that cannot be read; SuiteError for a suite
        without a `[table]`.
    """
    if path is None:
        raise OptionError(
            f"targets {', '.join(targets)} were given without csv: pass the file that has these columns, or leave out "
            "the targets"
        )
    if suite.table is None:
        raise SuiteError(
            f"suite {suite.name!r} does not say what it runs on a table: use {_suites_with_table()}, or add a [table] "
            "with dataset and models to a suite file"
        )
    options = {FILE: str(path), CHECKSUM: _checksum(Path(path)), TARGETS: list(targets)}
    entry = SuiteEntry(
        datasets=[suite.table.dataset],
        models=suite.table.models,
        solvers=suite.solver_names,
        set={**suite.table.set, **options},
        budget=suite.table.budget,
    )
    solvers = {
        name: {**suite.solvers.get(name, {}), **suite.table.solvers.get(name, {})} for name in suite.solver_names
    }
    update = {"name": _name(suite.name, Path(path).stem), "entries": [entry], "solvers": solvers}
    return suite.model_copy(update=update)


def _name(suite: str, stem: str) -> str:
    return f"{suite}-{re.sub(r'[^A-Za-z0-9._-]+', '-', stem)}"[:MAX_NAME].rstrip("-._")


def _checksum(path: Path) -> str:
    """Return the SHA-256 of a file. Raises: DataError."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(
            f"{one_line(str(path), 200)} cannot be read ({reason}): pass the path of a CSV file{_similar(path)}"
        ) from error


def _similar(path: Path) -> str:
    """Return the end of a message about a missing file: names of CSV files in its folder."""
    try:
        names = sorted(file.name for file in path.parent.iterdir() if file.suffix.lower() == ".csv")
    except (OSError, ValueError):
        return ""
    return name_hint(path.name, names[:20], "its folder has") if names else ""


def _suites_with_table() -> str:
    from mobench.jobs.suite import load

    names = []
    for name in registry().names("suite"):
        try:
            if load(name).table is not None:
                names.append(name)
        except SuiteError:  # another plugin's file, which is reported when it is used
            continue
    return " or ".join(names) or "another suite"
