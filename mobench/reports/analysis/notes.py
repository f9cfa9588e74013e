"""Notes of a leaderboard on missing values, fronts beyond the reference point and approximate hypervolumes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.arrays import FloatArray
from mobench.records.outline import Measured
from mobench.reports.analysis.measurements import NAMES, metric_columns
from mobench.reports.analysis.note import Note

if TYPE_CHECKING:
    import pandas as pd

ROW = ["dataset", "model", "solver"]
FINE = frozenset({"complete", "imported"})
"""Statuses of rows without missing seeds."""


def incomplete_rows(table: pd.DataFrame, measured: pd.DataFrame) -> list[str]:
    """Return a note for each group of rows that lack the same seeds of their dataset.

    table: rows with "seeds", the number of completed records, and "status".
    """
    trained = measured[~measured["imported"]]
    n_seeds = trained.groupby("dataset")["seed"].nunique()
    groups: dict[tuple[str, int, str], list[str]] = defaultdict(list)
    for row in table[~table["status"].isin(FINE)].to_dict("records"):
        groups[row["dataset"], int(row["seeds"]), row["status"]].append(_called(row, table))
    return [
        f"{dataset}: {'mean over ' if n else ''}{n} of {n_seeds[dataset]} seeds: {', '.join(rows)} ({status})"
        for (dataset, n, status), rows in groups.items()
    ]


def missing_values(records: Sequence[Measured], measured: pd.DataFrame) -> list[str]:
    """Return a note for each row with a quantity that some completed records lack, or a metric that all lack."""
    good = measured[measured["status"] == "completed"]
    values = [str(c) for c in measured.columns if c not in NAMES]
    metrics = _metrics_of_rows(records, good)
    by_row = good.groupby(ROW)
    counts, sizes = by_row[values].count(), by_row.size()
    notes: list[str] = []
    for key, present, n_seeds in zip(counts.index, counts.to_numpy(), sizes, strict=True):
        lacking = {
            name: n
            for name, n in zip(values, present.tolist(), strict=True)
            if n < n_seeds and (n or name in metrics.get(key, ()))
        }
        for n in sorted(set(lacking.values())):
            names = [name for name in lacking if lacking[name] == n]
            extent = f"{n} of {n_seeds} seeds only" if n else "no seed"
            row = dict(zip(ROW, key, strict=True))
            text = f"{row['dataset']}: {_called(row, good)} has a value at {extent}: {', '.join(names)}"
            notes.append(Note(text, *names))
    return notes


def beyond_reference(records: Sequence[Measured], measured: pd.DataFrame) -> list[str]:
    """Return a note for each group of rows with fronts that have no point below the reference point.

    "Below" means smaller in all objectives. The hypervolume of such a front is 0 whatever its losses are, so the
    rows cannot be ranked by it.
    """
    rows = measured.set_index("id")[[*ROW, "seed"]].to_dict("index")
    fronts: dict[tuple[str, str, str], list[tuple[str, Measured]]] = defaultdict(list)
    for record in records:
        if record.status == "completed" and not record.indicators["test"]["hypervolume"] and _is_beyond(record):
            row = rows[record.id]
            fronts[row["dataset"], row["model"], row["solver"]].append((row["seed"], record))
    counts = measured[measured["status"] == "completed"].groupby(ROW).size()
    groups: dict[tuple[str, tuple[int, ...]], dict[str, list[Measured]]] = defaultdict(dict)
    for key, seeds_and_records in sorted(fronts.items()):  # the order of the records must not show
        seeds_and_records.sort(key=lambda pair: pair[0])
        called = _called(dict(zip(ROW, key, strict=True)), measured)
        seeds = (
            ""
            if len(seeds_and_records) == counts[key]
            else f" at seed {', '.join(seed for seed, _ in seeds_and_records)}"
        )
        row_records = [record for _, record in seeds_and_records]
        groups[key[0], tuple(np.flatnonzero(_best(row_records) >= _reference(row_records[0])))][called + seeds] = (
            row_records
        )
    return [
        f"{dataset}: no point of {', '.join(by_name)} is below the reference point, so the hypervolume is 0 and ranks "
        f"by it tell nothing: {_where([r for row_records in by_name.values() for r in row_records], objectives)}"
        for (dataset, objectives), by_name in groups.items()
    ]


def approximate_volumes(records: Sequence[Measured], measured: pd.DataFrame) -> list[str]:
    """Return a note for each dataset whose rows contain approximate hypervolumes, with the largest relative error."""
    rows = measured.set_index("id")[ROW].to_dict("index")
    errors: dict[str, dict[str, float]] = defaultdict(dict)
    for record in records:
        values = record.indicators.get("test", {})
        error, volume = values.get("hypervolume_error"), values.get("hypervolume")
        if record.status == "completed" and error and volume:
            by_row = errors[rows[record.id]["dataset"]]
            called = _called(rows[record.id], measured)
            by_row[called] = max(by_row.get(called, 0.0), error / volume)
    return [
        f"{dataset}: the hypervolume of {', '.join(sorted(by_name))} is approximate, because the exact one takes too "
        f"long for so many points and objectives; its 95 % interval is ±{100 * max(by_name.values()):.2g} % or less"
        for dataset, by_name in sorted(errors.items())
    ]


def _is_beyond(record: Measured) -> bool:
    if "reference" not in record.protocol:
        return False
    return not bool((_losses(record) < _reference(record)).all(axis=1).any())


def _where(records: Sequence[Measured], objectives: Sequence[int]) -> str:
    """Describe how far `objectives` stay above the reference; if empty, say that no point is below it in all."""
    names, best, reference = records[0].objectives, _best(records), _reference(records[0])
    beyond = [f"{names[i]} is {best[i]:.4g} at best, the reference is {reference[i]:.4g}" for i in objectives]
    return "; ".join(beyond) or f"each of {', '.join(names)} is below it at some point, but never all of them"


def _best(records: Sequence[Measured]) -> FloatArray:
    """Return the smallest loss [m] of each objective over all points of the records."""
    smallest: FloatArray = np.min([_losses(record).min(axis=0) for record in records], axis=0)
    return smallest


def _losses(record: Measured) -> FloatArray:
    return np.asarray(record.fronts["test"].losses, dtype=float)


def _reference(record: Measured) -> FloatArray:
    return np.asarray(record.protocol["reference"], dtype=float)


def _metrics_of_rows(records: Sequence[Measured], measured: pd.DataFrame) -> dict[Any, set[str]]:
    """Return the metric columns that the records of each row have."""
    keys = dict(zip(measured["id"], measured[ROW].itertuples(index=False, name=None), strict=True))
    metrics: dict[Any, set[str]] = defaultdict(set)
    for record in records:
        if record.id in keys:
            metrics[keys[record.id]].update(metric_columns(record))
    return metrics


def _called(row: Mapping[Any, Any], table: pd.DataFrame) -> str:
    """Return the name of a row within its dataset: the solver, and the model if the dataset has several."""
    several = table.loc[table["dataset"] == row["dataset"], "model"].nunique() > 1
    return f"{row['solver']} on {row['model']}" if several else row["solver"]
