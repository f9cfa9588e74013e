"""Data of the page as plain values: leaderboard, fronts, curves, records, failures and notes."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from mobench.jobs.resolve import make_dataset
from mobench.records.record import Record
from mobench.reports.analysis.curves import curves
from mobench.reports.analysis.leaderboard import Leaderboard, is_missing, labels_of, leaderboard
from mobench.reports.analysis.measurements import NAMES
from mobench.reports.page.column_groups import columns
from mobench.reports.tables.columns import HALF, HIGH, LOW, directions_of, is_spread
from mobench.text import described

TRUTH_POINTS = 200


def page_data(records: Sequence[Record], unreadable: Sequence[str] = ()) -> dict[str, Any]:
    """Return all data of the page except the networks, as values that JSON can represent; NaN becomes None.

    columns:  the leaderboard's columns, with group, unit and direction.
    rows:     the leaderboard's rows: cells as [value, half width of its interval, smallest and
              largest value of a seed], and their sources as
              record id -> column -> value.
    datasets: name -> objectives, metrics, reference point, and the known front if there is one.
    records:  id -> the complete record, with the label of its row.
    """
    board = leaderboard(records)
    labels = labels_of(records)
    notes = [*board.notes]
    datasets = {}
    for record in records:
        name = record.job.dataset.name
        if record.status == "completed" and name not in datasets:
            datasets[name], new_notes = _dataset(record)
            notes += new_notes
    data: dict[str, Any] = _finite(
        {
            "columns": columns(map(str, board.table.columns), list(datasets), directions_of(records)),
            "rows": _rows(board),
            "datasets": datasets,
            "curves": _curves(records),
            "records": {r.id: {**r.model_dump(mode="json", by_alias=True), "label": labels[r.id]} for r in records},
            "notes": notes,
            "left_out": board.left_out,
            "unreadable": list(unreadable),
        }
    )
    return data


def _rows(board: Leaderboard) -> list[dict[str, Any]]:
    table = board.table.to_dict("records")
    sources = _sources(board)
    models: dict[str, set[str]] = defaultdict(set)
    for row in table:
        models[row["dataset"]].add(row["model"])
    rows = []
    for row in table:
        dataset, model, solver = row["dataset"], row["model"], row["solver"]
        cells = {
            k: [v, *(row.get(f"{k}{suffix}") for suffix in (HALF, LOW, HIGH))]
            for k, v in row.items()
            if not is_spread(str(k))
        }
        rows.append(
            {
                "dataset": dataset,
                "model": model,
                "solver": solver,
                "name": f"{model} · {solver}" if len(models[dataset]) > 1 else solver,
                "cells": cells,
                "sources": sources[dataset, model, solver],
            }
        )
    return rows


def _sources(board: Leaderboard) -> dict[tuple[str, str, str], dict[str, dict[str, Any]]]:
    """Return (dataset, model, solver) -> record id -> column -> value of that record; missing values are left out."""
    values_by_row: dict[tuple[str, str, str], dict[str, dict[str, Any]]] = defaultdict(dict)
    for row in [] if board.measured is None else board.measured.to_dict("records"):
        values = {str(k): v for k, v in row.items() if k not in NAMES and not is_missing(v)}
        values_by_row[row["dataset"], row["model"], row["solver"]][row["id"]] = values
    return values_by_row


def _dataset(record: Record) -> tuple[dict[str, Any], list[str]]:
    """Return the page's description of a dataset, and a note if its plugin failed."""
    name = record.job.dataset.name
    front = record.fronts["test"]
    description: dict[str, Any] = {
        "objectives": record.objectives,
        "metrics": dict.fromkeys(front.metrics, True),
        "reference": record.protocol.get("reference"),
        "truth": None,
    }
    try:
        dataset = make_dataset(record.job.dataset)
        for objective in dataset.objectives:
            description["metrics"].update({f"{objective.name}/{m.name}": m.higher_is_better for m in objective.metrics})
        known_front = dataset.known_front(TRUTH_POINTS)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin can raise anything: report the error and write the page
        return description, [f"{name}: its plugin failed to give directions and a known front ({described(error)})"]
    description["truth"] = None if known_front is None else known_front.tolist()
    return description, []


def _curves(records: Sequence[Record]) -> list[dict[str, Any]]:
    """Return one curve per run: validation against steps and seconds."""
    table = curves([r for r in records if r.trace])
    if table.empty:
        return []
    keys, values = ["dataset", "model", "solver", "seed", "what"], ["step", "seconds", "value"]
    groups = [part for _, part in table.groupby(keys, sort=False)]
    return [{k: part[k].iloc[0] for k in keys} | {v: part[v].tolist() for v in values} for part in groups]


def _finite(value: Any) -> Any:
    """Return a copy with None for NaN and infinities, and Python numbers for NumPy numbers."""
    if isinstance(value, dict):
        return {str(k): _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
