"""A suite: a TOML file that says which datasets, models, solvers and seeds are compared, how long and how."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from mobench import files
from mobench.errors import OptionError, SuiteError, nearest
from mobench.plugins import SuiteFile, registry
from mobench.runs.bounds import Name, Seed, Table, check_key_depth, few_keys, plain
from mobench.runs.job import Budget, Strict
from mobench.text import one_line

Names = Annotated[list[Name], Field(min_length=1)]


class Entry(Strict):
    """One cross product. `set` holds options for all of its jobs, `budget` replaces the suite's."""

    datasets: Names
    models: Names
    solvers: Names
    set: Table = Field(default_factory=dict)
    budget: Budget | None = None


class TradeOff(Strict):
    """Columns of the leaderboard that are a front among solvers, all to be small, and its reference point."""

    columns: Annotated[list[str], Field(min_length=2, max_length=4)]
    reference: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=4)]

    @model_validator(mode="after")
    def _as_long(self) -> TradeOff:
        if len(self.columns) != len(self.reference):
            raise ValueError(
                f"{len(self.columns)} columns and {len(self.reference)} reference values: give one for each"
            )
        return self


class Range(Strict):
    """Values between two ends; whole numbers where both ends are."""

    low: int | float
    high: int | float
    log: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low >= self.high or (self.log and self.low <= 0):
            raise ValueError("a range goes from low to a larger high, and with log from above 0")
        return self


Space = dict[str, Range | Annotated[list[Any], Field(min_length=1), AfterValidator(plain)]]


class Search(Strict):
    """What `mobench tune` looks for, for every combination of the suite on its own.

    metric:  "hypervolume", or a metric of the dataset, on validation.
    sampler: every combination of a grid; or Optuna's TPE for `trials` trials, of which the first takes
             the options as they are without a search, where they lie in the space.
    prune:   end trials in mid-training whose validation hypervolume is below the median of the others.
    space:   option -> list of values, or a range (TPE alone); "budget.epochs" and the like are options too.
    solvers: what is searched besides, or otherwise, for single solvers, by their name.
    """

    metric: str = "hypervolume"
    sampler: Literal["grid", "tpe"] = "grid"
    trials: Annotated[int, Field(gt=0, le=10_000)] = 20
    prune: bool = False
    space: Annotated[Space, Field(min_length=1)]
    solvers: dict[str, Space] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _grid_of_lists(self) -> Search:
        spaces = (self.space, *self.solvers.values())
        ranges = [name for space in spaces for name, values in space.items() if isinstance(values, Range)]
        if self.sampler == "grid" and ranges:
            raise ValueError(f"a grid has no ranges, and {', '.join(ranges)} is one: list its values, or use tpe")
        return self


class Suite(Strict):
    """What belongs to one comparison.

    n_rays, n_finite: preferences that continuous sets are judged on, and that finite sets train.
    rays:    preferences [R][m] of one's own instead of both.
    n_looks: looks at validation in training; None: ten.
    keep_weights: keep every trained network beside its record; no part of any job's identity.
    solvers: options of single solvers, by their name.
    trade_off: a front among the solvers themselves, as of error against memory.
    search:  the options that `mobench tune` tries.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,80}$")]
    summary: str = ""
    seeds: Annotated[list[Seed], Field(min_length=1)] = Field(default_factory=lambda: [0])
    n_rays: Annotated[int, Field(ge=2, le=10_000)] = 25
    n_finite: Annotated[int, Field(ge=2, le=1_000)] = 5
    rays: Annotated[list[list[float]], Field(min_length=2, max_length=10_000)] | None = None
    n_looks: Annotated[int, Field(gt=0, le=1000)] | None = None
    keep_weights: bool = False
    budget: Budget
    entries: Annotated[list[Entry], Field(min_length=1)]
    solvers: dict[str, Table] = Field(default_factory=dict)
    trade_off: TradeOff | None = None
    search: Search | None = None


def load(name: str) -> Suite:
    """A suite by its registered name, or from a TOML file.

    Raises: SuiteError, in one line, for a file that cannot be read as a suite; UnknownNameError.
    """
    path = Path(name)
    if path.suffix == ".toml" or _is_file(path):
        return _read(path, path.stem)
    spec = registry().get("suite", name).spec
    assert isinstance(spec, SuiteFile)
    return _read(spec.path, name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # no file can have this name
        return False


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
) -> Suite:
    """The suite with parts of it chosen or replaced; what is empty stays.

    Datasets, models or solvers that the suite has are chosen: entries keep those of them that they
    have, and one that is left with none is left out, options and all. Where the suite lacks one of
    the names, all of them replace every entry's. Entries that become equal are merged.

    Raises: OptionError where no entry is left, or something given is out of bounds.
    """
    length = {k: v for k, v in (budget or {}).items() if v is not None}
    given = {"datasets": datasets, "models": models, "solvers": solvers}
    chosen = [{role: _chosen(suite, entry, role, names) for role, names in given.items()} for entry in suite.entries]
    entries = [
        Entry(
            **names,
            set={**entry.set, **(settings or {})},
            budget=_budget(entry.budget, length) if entry.budget else None,
        )
        for entry, names in zip(suite.entries, chosen, strict=True)
        if all(names.values())
    ]
    if not entries:
        asked = " × ".join(", ".join(names) for names in given.values() if names)
        raise OptionError(
            f"suite {suite.name!r} compares no {asked}: `mobench show {suite.name}` lists what it has; for another "
            "combination write a suite file of your own"
        )
    unique = [entry for i, entry in enumerate(entries) if entry not in entries[:i]]
    update: dict[str, Any] = {
        "entries": unique,
        "seeds": list(seeds) or suite.seeds,
    }
    update["budget"] = _budget(suite.budget, length)
    if rays:
        update["rays"] = [list(ray) for ray in rays]
    try:
        return Suite.model_validate({**dict(suite), **update})
    except ValidationError as error:
        raise OptionError(_explain(error)) from error


def _chosen(suite: Suite, entry: Entry, role: str, given: Sequence[str]) -> list[str]:
    """What an entry has of the names given; all of them where the suite does not have every one."""
    own: list[str] = getattr(entry, role)
    if not given:
        return own
    known = {name for other in suite.entries for name in getattr(other, role)}
    return [name for name in given if name in own] if known.issuperset(given) else list(given)


def _budget(budget: Budget, length: Mapping[str, Any]) -> Budget:
    """A budget with its length or batch size replaced."""
    if not length:
        return budget
    kept = budget.model_dump(exclude_none=True)
    if set(length) & {"epochs", "steps", "seconds"}:
        kept = {"batch_size": budget.batch_size}
    try:
        return Budget(**{**kept, **length})
    except ValidationError as error:
        raise OptionError(f"budget {dict(length)}: {error.errors()[0]['msg']}") from error


def _read(path: Path, name: str) -> Suite:
    whose = f"suite file {one_line(path.name)}"
    try:
        data = files.read(path, files.MAX_SUITE_BYTES)
    except (OSError, ValueError) as error:
        raise SuiteError(f"{whose} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        text = data.decode()
        check_key_depth(text)
        content = tomllib.loads(text)
        few_keys(content)
        return Suite.model_validate({"name": name, **content})
    except ValidationError as error:
        raise SuiteError(f"{whose}: {one_line(_explain(error))}") from error
    # numbers of thousands of digits are a plain ValueError
    except (ValueError, RecursionError) as error:
        raise SuiteError(f"{whose} is not TOML: {one_line(str(error))}") from error


def _explain(error: ValidationError) -> str:
    """The first thing that is wrong, with the key it is under."""
    first = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    if first["type"] == "extra_forbidden":
        tables = (Suite, Entry, Budget, Search, TradeOff)
        accepted = {name: None for table in tables for name in table.model_fields}
        hint = nearest(str(first["loc"][-1]), accepted) or f"; accepted: {', '.join(accepted)}"
        return f"there is no key {where!r}{hint}"
    return f"{where}: {first['msg']}"
