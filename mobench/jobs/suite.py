"""Suites: TOML files that list the datasets, models, solvers, seeds, budgets and options to compare.

Suites are loaded, checked and overridden here; `mobench.jobs.suite_schema` defines their tables.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mobench import files
from mobench.errors import OptionError, SuiteError
from mobench.jobs import arguments
from mobench.jobs.bounds import check_key_depth, few_keys
from mobench.jobs.job import Budget, Strict
from mobench.jobs.precedence import BUDGET, COMMAND_LINE, SUITE_BUDGET, Layer, budget_layer, budget_of, combine
from mobench.jobs.seasons import check_selection
from mobench.jobs.suite_schema import NAME, Range, Search, Suite, SuiteEntry, TradeOff, UserTable
from mobench.plugins import SuiteFile, registry
from mobench.text import name_hint, one_line

__all__ = ["Range", "Search", "Suite", "SuiteEntry", "TradeOff", "check_tables", "load", "overridden"]


def load(name: str | Path) -> Suite:
    """Load a suite by its registered name or from a TOML file.

    A registered suite takes precedence over a file of the same name without a folder and without ".toml". For
    example, a file `quick` that a shell created for `mobench run quick > quick` is not read; `./quick` refers to it.

    Raises: SuiteError, in one line, for a file that is not a valid suite; UnknownNameError.
    """
    path = Path(name)
    is_registered = str(name) in registry().entries["suite"]
    if path.suffix == ".toml" or (not is_registered and _is_file(path)):
        return _read(path, path.stem)
    spec = registry().get("suite", str(name)).spec
    assert isinstance(spec, SuiteFile)
    return _read(spec.path, str(name))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # not a valid file name
        return False


def check_tables(suite: Suite) -> None:
    """Raise SuiteError for a solver's own table whose solver is not in the suite: it would have no effect."""
    tables = {
        "solvers": suite.solvers,
        "search.solvers": suite.search.solvers if suite.search else {},
        "table.solvers": suite.table.solvers if suite.table else {},
    }
    for table, solvers in tables.items():
        for name in solvers:
            if name not in suite.solver_names:
                hint = name_hint(name, sorted(suite.solver_names), "its solvers are")
                raise SuiteError(
                    f"suite {suite.name!r} has a table [{table}.{one_line(name, 100)}], but no such solver{hint}"
                )


def overridden(
    suite: Suite,
    *,
    datasets: Sequence[str] = (),
    models: Sequence[str] = (),
    solvers: Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
    budget: Mapping[str, Any] | None = None,
    rays: Sequence[Sequence[float]] = (),
    preset: str | None = None,
) -> Suite:
    """Return the suite with parts of it selected or replaced. Empty arguments change nothing.

    If the suite has all the given datasets, models or solvers, they act as a selection: each entry keeps the
    given names that it has, and an entry without any of them is removed together with its options. If the suite
    lacks one of the names, the given names replace those of every entry. Entries that become equal are merged. Where
    the given solvers replace those of several entries with the same dataset and model, the first entry applies.

    preset: replaces the preset of every entry; None changes nothing.
    settings, budget: take precedence over everything that the suite sets (see `mobench.jobs.precedence`).

    Raises: OptionError where no entry remains, or where an argument is out of bounds.
    """
    budget_options = {f"{BUDGET}.{name}": value for name, value in (budget or {}).items() if value is not None}
    set_options = arguments.settings(settings)
    if twice := next((name for name in budget_options if name in set_options), None):
        raise OptionError(f"{twice} was given twice, as an option and as a setting: keep one of them")
    names_by_role = {"datasets": datasets, "models": models, "solvers": solvers}
    chosen = [
        {role: _chosen(suite, entry, role, names) for role, names in names_by_role.items()} for entry in suite.entries
    ]
    selected = [(entry, names) for entry, names in zip(suite.entries, chosen, strict=True) if all(names.values())]
    if suite.season is not None:
        check_selection(suite, datasets, models, rays, preset)
    if not selected:
        combination = " × ".join(", ".join(names) for names in names_by_role.values() if names)
        raise OptionError(
            f"suite {suite.name!r} has no {combination}: `mobench show {suite.name}` lists what it has; for another "
            "combination write a suite file of your own"
        )
    update: dict[str, Any] = {}
    if new_seeds := arguments.seeds(seeds):
        update["seeds"] = new_seeds
    if new_rays := arguments.rays(rays):
        update["rays"] = new_rays
    try:
        entries = [
            SuiteEntry(**names, set=entry.set, budget=entry.budget, preset=preset or entry.preset)
            for entry, names in selected
        ]
        unique = [entry for i, entry in enumerate(entries) if entry not in entries[:i]]
        if not set(suite.solver_names).issuperset(solvers):
            unique = _without_repeated_datasets(unique)
        result = Suite.model_validate({**dict(suite), **update, "entries": unique})
    except ValidationError as error:
        raise OptionError(_explain(error)) from error
    for entry in result.entries:
        layers = [budget_layer(SUITE_BUDGET, result.budget), budget_layer("[entries.budget]", entry.budget)]
        budget_of(combine([*layers, Layer(COMMAND_LINE, budget_options)], str))
    result = _without_tables_of_others(result)
    result._overrides = {**suite.overrides, **set_options, **budget_options}
    return result


def _without_repeated_datasets(entries: Sequence[SuiteEntry]) -> list[SuiteEntry]:
    """Return the entries without the datasets that earlier entries have with the same models."""
    pairs, result = set[tuple[str, str]](), list[SuiteEntry]()
    for entry in entries:
        datasets = [name for name in entry.datasets if not pairs.issuperset((name, model) for model in entry.models)]
        pairs.update((name, model) for name in entry.datasets for model in entry.models)
        if datasets:
            result.append(entry.model_copy(update={"datasets": datasets}))
    return result


def _without_tables_of_others(suite: Suite) -> Suite:
    """Return the suite without the tables of solvers that it no longer has."""
    names, search = suite.solver_names, suite.search
    update: dict[str, Any] = {"solvers": {name: table for name, table in suite.solvers.items() if name in names}}
    if search is not None:
        spaces = {name: space for name, space in search.solvers.items() if name in names}
        update["search"] = search.model_copy(update={"solvers": spaces})
    return suite.model_copy(update=update)


def _chosen(suite: Suite, entry: SuiteEntry, role: str, names: Sequence[str]) -> list[str]:
    """Return the given names that an entry has; all given names if the suite lacks one of them."""
    entry_names: list[str] = getattr(entry, role)
    if not names:
        return entry_names
    suite_names = {name for suite_entry in suite.entries for name in getattr(suite_entry, role)}
    return [name for name in names if name in entry_names] if suite_names.issuperset(names) else list(names)


def _read(path: Path, name: str) -> Suite:
    title = f"suite file {one_line(path.name)}"
    try:
        data = files.read(path, files.MAX_SUITE_BYTES)
    except (OSError, ValueError) as error:
        raise SuiteError(f"{title} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        # some editors write a byte order mark
        text = data.decode("utf-8-sig")
        check_key_depth(text)
        content = tomllib.loads(text)
        few_keys(content)
    # a number of thousands of digits raises a plain ValueError
    except (ValueError, RecursionError) as error:
        raise SuiteError(f"{title} is not TOML: {one_line(str(error))}") from error
    if "name" not in content and not re.fullmatch(NAME, name):
        raise SuiteError(
            f"{title}: its name, which also names the folder of its records, is not 1 to 81 letters, digits and ._-: "
            f"put `name = {json.dumps(_usable(name))}` in the file, or rename it"
        )
    try:
        suite = Suite.model_validate({"name": name, **content}, strict=True)
    except ValidationError as error:
        raise SuiteError(f"{title}: {one_line(_explain(error))}") from error
    except RecursionError as error:
        raise SuiteError(f"{title}: its tables are nested too deep") from error
    check_tables(suite)
    return suite


def _usable(name: str) -> str:
    """Return a valid suite name derived from `name`."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80] or "my-suite"


def _explain(error: ValidationError) -> str:
    """Return the first error and the key that it concerns. Unknown keys come before missing ones."""
    errors = error.errors(include_url=False)
    first = min(errors, key=lambda details: details["type"] != "extra_forbidden")
    # pydantic adds type names, which are not keys of the file
    keys = [part for part in first["loc"] if part not in ("int", "float") and "[" not in str(part)]
    location = ".".join(map(str, keys)) or "the file"
    if first["type"] == "extra_forbidden":
        accepted = [name for name in _table(first["loc"]).model_fields if name != "elsewhere"]
        return f"there is no key {location!r}{name_hint(str(keys[-1]), accepted)}"
    if first["type"] == "model_type" and location.startswith("search."):
        return f"{location}: pass a list of values, or a range {{ low = …, high = … }}"
    return f"{location}: {first['msg']}"


def _table(place: Sequence[int | str]) -> type[Strict]:
    """Return the table that contains a key, by the location of the key in the file."""
    if "budget" in place[:-1]:
        return Budget
    if any("Range" in str(part) for part in place[:-1]):
        return Range
    tables: dict[int | str, type[Strict]] = {
        "entries": SuiteEntry,
        "search": Search,
        "trade_off": TradeOff,
        "table": UserTable,
    }
    return tables.get(place[0], Suite) if len(place) > 1 else Suite
