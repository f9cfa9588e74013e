"""Measurements of records as a table: one row per record, one column per quantity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.arrays import FloatArray
from mobench.metrics import indicators
from mobench.records.outline import Measured, Points, takes_preferences
from mobench.reports.analysis.costs import CORE_SECONDS, COSTS, STORED_PARAMETERS, TRAINING_SECONDS
from mobench.reports.analysis.relative_change import NAME as RELATIVE_CHANGE
from mobench.reports.analysis.relative_change import is_single_task, relative_changes
from mobench.reports.analysis.row_labels import labels_of, seed_name, seed_order

if TYPE_CHECKING:
    import pandas as pd


NAMES = ("dataset", "model", "solver", "seed", "status", "imported", "id")
"""Columns that identify the record of a row."""

PLACES = ("first", "middle", "last")


def measurements(records: Sequence[Measured]) -> pd.DataFrame:
    """Return one row per record: the columns of `NAMES`, then every quantity of the leaderboard (NaN if unknown).

    Rows are sorted by dataset, model, solver and seed; the order of the records does not matter. IGD+ and ε are
    computed against the known front if the record has these indicators, else against the pooled non-dominated test
    points of the records that are not imported. R2 of all records uses the rays of the front with the most rays, so
    that fronts of 5 and of 25 points are measured with the same weights.
    """
    import pandas as pd

    labels = labels_of(records)
    ordered = sorted(
        records,
        key=lambda r: (r.job.dataset.name, r.job.model.name, labels[r.id], seed_order(r.job.seeds), r.id),
    )
    pools = {name: _Pool(group) for name, group in _by_dataset(ordered).items()}
    numbers = _quality(ordered, [pools[r.job.dataset.name] for r in ordered]) | _costs(ordered)
    changes = relative_changes(ordered).values
    numbers[RELATIVE_CHANGE] = [changes.get(r.id) for r in ordered]
    # store text as plain objects: reading single values from pandas' own string arrays is slow
    names = {name: pd.Series(values, dtype=object) for name, values in _name_columns(ordered, labels).items()}
    table = pd.DataFrame(names | {name: np.array(numbers[name], dtype=float) for name in quantities(ordered)})
    return table.astype({"imported": bool})


def quantities(records: Sequence[Measured]) -> list[str]:
    """Return the names of the quantities that the records have, in the order of the table."""
    measured = [name for name in COSTS if name != CORE_SECONDS or any(_has_core_seconds(r) for r in records)]
    changes = [RELATIVE_CHANGE] if any(map(is_single_task, records)) else []
    return [*_QUALITY, *changes, *_at_places(records), *measured]


def _at_places(records: Sequence[Measured]) -> list[str]:
    metrics = dict.fromkeys(name for r in records if "test" in r.fronts for name in r.fronts["test"].metrics)
    return [f"{name} ({place} ray)" for place in PLACES for name in metrics]


def metric_columns(record: Measured) -> list[str]:
    """Return the names of the columns for the metrics of a record; empty if its preferences are unknown."""
    return _at_places([record]) if "test" in record.fronts and record.fronts["test"].preferences else []


def _has_core_seconds(record: Measured) -> bool:
    return record.cost is not None and record.cost.training_core_seconds is not None


class _Pool:
    """Indicators of the records of one dataset that depend on all of them: IGD+ and ε to the pooled front, and R2.

    values: quantity -> record id -> value.
    """

    def __init__(self, records: Sequence[Measured]) -> None:
        judged = [r for r in records if r.status == "completed"]
        self.values: dict[str, dict[str, float]] = {"IGD+": {}, "ε": {}, "R2": {}}
        if not judged:
            return
        losses = {r.id: np.asarray(r.fronts["test"].losses, dtype=float) for r in judged}
        pooled = [r for r in judged if r.imported is None] or judged
        if ids := [r.id for r in judged if "igd_plus" not in r.indicators["test"]]:
            points = np.concatenate([losses[r.id] for r in pooled])
            front, unknown = points[indicators.non_dominated(points)], [losses[i] for i in ids]
            self.values["IGD+"] = dict(zip(ids, indicators.igd_plus_of_each(unknown, front), strict=True))
            self.values["ε"] = dict(zip(ids, indicators.additive_epsilon_of_each(unknown, front), strict=True))
        # ties are broken by the largest weights, so that the order of the records does not matter
        weights = max((r.fronts["test"].preferences for r in pooled), key=lambda p: (len(p), p))
        self.values["R2"] = _r2_of_each(judged, losses, weights)


def _by_dataset(records: Sequence[Measured]) -> Mapping[str, list[Measured]]:
    groups: dict[str, list[Measured]] = defaultdict(list)
    for record in records:
        groups[record.job.dataset.name].append(record)
    return groups


def _name_columns(records: Sequence[Measured], labels: Mapping[str, str]) -> dict[str, list[Any]]:
    """Return the columns of `NAMES`."""
    columns = (
        [r.job.dataset.name for r in records],
        [r.job.model.name for r in records],
        [labels[r.id] for r in records],
        [seed_name(r.job.seeds) for r in records],
        [r.status for r in records],
        [r.imported is not None for r in records],
        [r.id for r in records],
    )
    return dict(zip(NAMES, columns, strict=True))


def _quality(records: Sequence[Measured], pools: Sequence[_Pool]) -> dict[str, list[float | None]]:
    """Return the columns for the quality of the fronts; only completed records have values."""
    judged = [pool if r.status == "completed" else None for r, pool in zip(records, pools, strict=True)]
    columns = {
        name: [None if pool is None else read(r, pool) for r, pool in zip(records, judged, strict=True)]
        for name, read in _QUALITY.items()
    }
    metrics = [{} if pool is None else _metrics(r.fronts["test"]) for r, pool in zip(records, judged, strict=True)]
    return columns | {name: [values.get(name) for values in metrics] for name in _at_places(records)}


def _costs(records: Sequence[Measured]) -> dict[str, list[float | None]]:
    """Return the columns for the cost of training and serving; imported records have only the costs they state."""
    columns = {name: [None if r.cost is None else read(r.cost) for r in records] for name, read in COSTS.items()}
    for place, record in enumerate(records):
        if record.cost is None and record.imported is not None:
            columns[TRAINING_SECONDS][place] = record.imported.training_seconds
            columns[STORED_PARAMETERS][place] = record.imported.stored_parameters
    return columns


def _test(name: str) -> Callable[[Measured, _Pool], float | None]:
    return lambda record, pool: record.indicators["test"].get(name)


def _of_preferences(name: str) -> Callable[[Measured, _Pool], float | None]:
    """Return a reader of a preference-based test indicator; it gives None if the front does not take preferences."""

    def read(record: Measured, pool: _Pool) -> float | None:
        return record.indicators["test"].get(name) if takes_preferences(record.fronts["test"]) else None

    return read


def _at_few(record: Measured, pool: _Pool) -> float | None:
    """Return the hypervolume at equal K, which a record has under the split "test@K"."""
    return next((v.get("hypervolume") for split, v in record.indicators.items() if split.startswith("test@")), None)


def _gap(record: Measured, pool: _Pool) -> float | None:
    val, test = (record.indicators.get(split, {}).get("hypervolume") for split in ("val", "test"))
    return None if val is None or test is None else val - test


def _pooled(name: str, fallback: str) -> Callable[[Measured, _Pool], float | None]:
    """Return a reader of a pooled indicator; it falls back to the record's own indicator `fallback`."""

    def read(record: Measured, pool: _Pool) -> float | None:
        values = pool.values[name]
        return values[record.id] if record.id in values else record.indicators["test"].get(fallback)

    return read


def _r2_of_each(
    records: Sequence[Measured], losses: Mapping[str, FloatArray], weights: list[list[float]]
) -> dict[str, float]:
    """Return record id -> R2 for the given weights; records without an ideal point are skipped."""
    by_ideal: dict[tuple[float, ...], list[Measured]] = defaultdict(list)
    for record in records if weights else ():
        if (ideal := record.protocol.get("ideal")) is not None:
            by_ideal[tuple(ideal)].append(record)
    return {
        record.id: value
        for ideal, group in by_ideal.items()
        for record, value in zip(
            group, indicators.r2_of_each([losses[r.id] for r in group], weights, ideal), strict=True
        )
    }


def _metrics(front: Points) -> dict[str, float | None]:
    """Return the metrics at the first, the most balanced and the last ray; empty if the rays are unknown."""
    if not front.preferences or not front.metrics:
        return {}
    spreads = [max(r) - min(r) for r in front.preferences]
    middle = spreads.index(min(spreads))
    index = dict(zip(PLACES, (0, middle, -1), strict=True))
    return {f"{name} ({place} ray)": values[i] for place, i in index.items() for name, values in front.metrics.items()}


_QUALITY: dict[str, Callable[[Measured, _Pool], float | None]] = {
    "hypervolume": _test("hypervolume"),
    "hypervolume at equal K": _at_few,
    "validation − test": _gap,
    "IGD+": _pooled("IGD+", "igd_plus"),
    "ε": _pooled("ε", "epsilon"),
    "GD": _test("gd"),
    "R2": _pooled("R2", "r2"),
    "non-uniformity": _of_preferences("non_uniformity"),
    "controllability": _of_preferences("controllability"),
    "spacing": _test("spacing"),
    "non-dominated": _test("n_non_dominated"),
}
