"""Reader for CSV files with Pareto fronts of other programs."""

from __future__ import annotations

import csv
import io
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mobench.errors import DataError
from mobench.jobs.bounds import MAX_SEED
from mobench.records.record import MAX_BYTES
from mobench.text import name_hint

MAX_POINTS = 2000
LARGEST = 1e30
SPLITS = ("train", "val", "test")
SECONDS, PARAMETERS = "training seconds", "parameters"


@dataclass(frozen=True)
class StatedFront:
    """Points of one seed on one split: preferences [R][m], or [] if the file has none; losses [R][m]; metrics."""

    preferences: list[list[float]]
    losses: list[list[float]]
    metrics: dict[str, list[float]]


@dataclass(frozen=True)
class Stated:
    """The content of a file for one seed: split -> front, and the cost; None where the file does not state it."""

    seed: int
    fronts: dict[str, StatedFront]
    training_seconds: float | None
    parameters: int | None


def read_csv(content: bytes, file: str, objectives: Sequence[str], metrics: Sequence[str]) -> list[Stated]:
    """Return the content of a CSV file, one item per seed, seeds in ascending order.

    Each row is a point. Required columns: one per objective, with the objective's name, which contains its loss.
    Optional columns: "preference <objective>" for all objectives; metrics, named as in `metrics`
    ("objective/metric"); "seed" (default 0); "split" ("test", "val" or "train", default "test"); "training seconds"
    and "parameters", whose values are the same in all rows of a seed. In names, "_" and a blank are equivalent.

    file: name of the file in error messages.

    Raises: DataError, in one line that states the location, for any other content: bytes that are not text, unknown
        columns, too many points, cells that are not finite numbers, a seed without a test front.
    """
    if len(content) > MAX_BYTES:
        raise DataError(f"{file}: {len(content)} bytes is too large (at most {MAX_BYTES}): state fewer points")
    roles, rows = _rows(content, file, objectives, metrics)
    by_seed: dict[int, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for line, row in rows:
        points = by_seed[row["seed"]][row["split"]]
        points.append(row)
        if len(points) > MAX_POINTS:
            raise DataError(f"{file} line {line}: a front has at most {MAX_POINTS} points: leave some out")
    if not by_seed:
        raise DataError(f"{file} has no points: write one row per point below the names of the columns")
    return [_stated(file, seed, by_seed[seed], roles, objectives) for seed in sorted(by_seed)]


def _rows(
    content: bytes, file: str, objectives: Sequence[str], metrics: Sequence[str]
) -> tuple[list[str], list[tuple[int, dict[str, Any]]]]:
    """Return the canonical column names, and (line, name -> value) of each row."""
    try:
        reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        names = _columns(next(reader, []), file, objectives, metrics)
        readers = {name: _reader(name) for name in names}
        rows = []
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            location = f"{file} line {reader.line_num}"
            if len(cells) != len(names):
                raise DataError(f"{location} has {len(cells)} cells, there are {len(names)} columns")
            row: dict[str, Any] = {"seed": 0, "split": "test"}
            row |= {
                n: readers[n](cell.strip(), f"{location}, column {n!r}") for n, cell in zip(names, cells, strict=True)
            }
            rows.append((reader.line_num, row))
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not UTF-8 text ({error.reason} at byte {error.start})") from error
    except csv.Error as error:
        raise DataError(f"{file} is not CSV: {error}") from error
    return names, rows


def _columns(header: Sequence[str], file: str, objectives: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """Return the canonical names of the header's columns. Raises: DataError."""
    preferences = [_preference(o) for o in objectives]
    accepted = [*objectives, *preferences, *metrics, "seed", "split", SECONDS, PARAMETERS]
    meant = {_plain(name): name for name in accepted}
    names = []
    for cell in header:
        if _plain(cell) not in meant:
            raise DataError(f"{file} has a column {cell[:60]!r} that is unknown{name_hint(cell, accepted)}")
        names.append(meant[_plain(cell)])
    for name in names:
        if names.count(name) > 1:
            raise DataError(f"{file} has column {name!r} {names.count(name)} times: keep one")
    for group, all_or_none in ((objectives, False), (preferences, True)):
        missing = [name for name in group if name not in names]
        if missing and not (all_or_none and len(missing) == len(group)):
            raise DataError(
                f"{file} has no column {', '.join(map(repr, missing))}: there are {len(objectives)} objectives, "
                f"{', '.join(objectives)}, and a point has a value of each"
            )
    return names


def _preference(objective: str) -> str:
    return f"preference {objective}"


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").split()).casefold()


def _reader(name: str) -> Callable[[str, str], Any]:
    return {"seed": _seed, "split": _split, PARAMETERS: _whole_number, SECONDS: _not_negative}.get(name, _finite)


def _finite(cell: str, location: str) -> float:
    try:
        value = float(cell) if "_" not in cell else math.nan
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{location}: {cell[:40]!r} is not a finite number: leave the point out or correct it")
    if abs(value) > LARGEST:
        raise DataError(f"{location}: {cell[:40]} is larger than {LARGEST:g}, the limit of losses and metrics")
    return value


def _not_negative(cell: str, location: str) -> float:
    value = _finite(cell, location)
    if value < 0:
        raise DataError(f"{location}: {cell[:40]} is below 0")
    return value


def _whole_number(cell: str, location: str) -> int:
    if not (cell.isascii() and cell.isdigit() and len(cell) <= 18):
        raise DataError(f"{location}: {cell[:40]!r} is not a whole number from 0 to 10^18")
    return int(cell)


def _seed(cell: str, location: str) -> int:
    value = _whole_number(cell, location)
    if value >= MAX_SEED:
        raise DataError(f"{location}: seed {cell[:40]} is too large: seeds are below {MAX_SEED}")
    return value


def _split(cell: str, location: str) -> str:
    split = {"validation": "val"}.get(cell, cell)
    if split not in SPLITS:
        raise DataError(f"{location}: {cell[:40]!r} is not a split: write {', '.join(SPLITS)}")
    return split


def _stated(
    file: str, seed: int, splits: Mapping[str, list[dict[str, Any]]], names: Sequence[str], objectives: Sequence[str]
) -> Stated:
    if "test" not in splits:
        raise DataError(f"{file}: seed {seed} has no point of the test split, on which the leaderboard compares")
    rows = [row for rows_of_split in splits.values() for row in rows_of_split]
    preferences = [_preference(o) for o in objectives if _preference(o) in names]
    metrics = [n for n in names if n not in {*objectives, *preferences, "seed", "split", SECONDS, PARAMETERS}]
    return Stated(
        seed=seed,
        fronts={
            split: StatedFront(
                preferences=[[row[p] for p in preferences] for row in splits[split]] if preferences else [],
                losses=[[row[o] for o in objectives] for row in splits[split]],
                metrics={name: [row[name] for row in splits[split]] for name in metrics},
            )
            for split in SPLITS
            if split in splits
        },
        training_seconds=_common_value(file, seed, SECONDS, rows),
        parameters=_common_value(file, seed, PARAMETERS, rows),
    )


def _common_value(file: str, seed: int, name: str, rows: Sequence[dict[str, Any]]) -> Any:
    """Return the value of a column, which must be equal in all rows of a seed; None if there is no such column."""
    values = {row.get(name) for row in rows}
    if len(values) > 1:
        raise DataError(f"{file}: {name!r} has {len(values)} values at seed {seed}: a seed trains once, so state one")
    return values.pop()
