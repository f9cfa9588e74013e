"""Table with one row per preference: its losses and metrics on every split, and the choice of validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.errors import OptionError
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import Leaderboard, labels_of
from mobench.reports.analysis.notes import FINE, incomplete_rows
from mobench.reports.tables.columns import directions_of
from mobench.reports.tables.content import Content, Wanted, chosen_columns, chosen_rows, with_spread
from mobench.reports.tables.sheet import sheet

if TYPE_CHECKING:
    import pandas as pd

SPLITS = {"train": "train", "val": "validation", "test": "test"}


def per_ray(records: Sequence[Record]) -> pd.DataFrame:
    """Return dataset, solver, model, preference, and the losses and metrics of every split as means over seeds.

    A metric that several objectives share comes first as their mean. "chosen" is "yes" at the preference with the
    best validation value: the first metric with values, averaged over the objectives, or the smallest mean loss if
    there is no metric. The test split is not used to choose it.

    Raises: OptionError if the records of a row differ in preferences, splits or metrics.
    """
    import pandas as pd

    labels = labels_of(records)
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in records:
        # points that belong to no preference have no row, and their number differs between seeds
        has_points_only = "test" in record.fronts and not record.fronts["test"].preferences
        if record.status == "completed" and record.imported is None and not has_points_only:
            groups[record.job.dataset.name, labels[record.id], record.job.model.name].append(record)
    rows: list[dict[str, Any]] = []
    for (dataset, solver, model), group in sorted(groups.items()):
        _check_alike(solver, group)
        columns: dict[str, Any] = {}
        for split, word in SPLITS.items():
            columns |= {f"{word} {name}": values for name, values in _means(group, split).items()}
        preferences = group[0].fronts["test"].preferences
        best = _best(group, columns)
        for i, ray in enumerate(preferences):
            shown = ", ".join(f"{r:.3g}" for r in ray)
            rows.append(
                {
                    "dataset": dataset,
                    "solver": solver,
                    "model": model,
                    "seeds": len(group),
                    "preference": shown,
                    **{name: values[i] for name, values in columns.items()},
                    "chosen": "yes" if i == best else "",
                }
            )
    return pd.DataFrame(rows, columns=None if rows else ["dataset", "solver", "model"])


def content(records: Sequence[Record], selection: Wanted, board: Leaderboard) -> Content:
    """Return the table of preferences for the writers, with the status of rows that lack seeds.

    board: the leaderboard of the records.

    Raises: OptionError for a column or row that does not exist.
    """
    frame = chosen_rows(_with_status(per_ray(records), board), selection)
    columns = chosen_columns([str(c) for c in frame.columns], selection)
    table = sheet(
        frame, columns, directions=directions_of(records), digits=selection.digits,
        group=("dataset", "solver", "model"), marks=False, caption=selection.caption, label=selection.label,
        notes=[] if board.measured is None else incomplete_rows(board.table, board.measured),
    )  # fmt: skip
    return Content(with_spread(frame, columns), table, table, selection)


def _with_status(table: pd.DataFrame, board: Leaderboard) -> pd.DataFrame:
    """Return the table, with a column "status" if a row of the leaderboard lacks seeds."""
    keys = ["dataset", "solver", "model"]
    if table.empty or board.table["status"].isin(FINE).all():
        return table
    return table.merge(board.table[[*keys, "status"]], on=keys, how="left")


def _check_alike(solver: str, group: Sequence[Record]) -> None:
    """Raise OptionError if records cannot be averaged because their splits, preferences or metrics differ."""

    def shape(record: Record) -> list[Any]:
        fronts = [record.fronts[split] for split in SPLITS if split in record.fronts]
        return [(front.preferences, sorted(front.metrics)) for front in fronts]

    for record in group:
        if len(shape(record)) < len(SPLITS):
            raise OptionError(f"record {record.id} of {solver} has no front of {', '.join(SPLITS)}: move it away")
        if shape(record) != shape(group[0]):
            raise OptionError(
                f"records {group[0].id} and {record.id} of {solver} have different preferences or metrics, so "
                "there is no mean at each preference: name a folder with one kind, or leave --per-ray out"
            )


def _means(group: Sequence[Record], split: str) -> dict[str, Any]:
    """Return name -> means [R] over seeds: means of shared metrics, then each objective's metrics, then losses."""
    fronts = [record.fronts[split] for record in group]
    # None becomes NaN, so the mean is missing if a seed is missing
    metrics = {
        name: np.mean(np.array([f.metrics[name] for f in fronts], dtype=float), axis=0) for name in fronts[0].metrics
    }
    shared: dict[str, list[Any]] = defaultdict(list)
    for name, values in metrics.items():
        shared[name.partition("/")[2] or name].append(values)
    means = {name: np.mean(values, axis=0) for name, values in shared.items() if len(values) > 1}
    losses = np.mean([f.losses for f in fronts], axis=0)
    return {**means, **metrics, **{f"{o} loss": losses[:, i] for i, o in enumerate(group[0].objectives)}}


def _best(group: Sequence[Record], columns: dict[str, Any]) -> int:
    from mobench.jobs.resolve import make_dataset

    higher = {m.name: m.higher_is_better for o in make_dataset(group[0].job.dataset).objectives for m in o.metrics}
    for name, better in higher.items():
        if values := _of_validation(columns, f"/{name}"):
            mean = np.mean(values, axis=0)
            if not np.isnan(mean).all():
                return int(np.nanargmax(mean if better else -mean))
    return int(np.argmin(np.mean(_of_validation(columns, " loss"), axis=0)))


def _of_validation(columns: dict[str, Any], ending: str) -> list[Any]:
    return [values for name, values in columns.items() if name.startswith("validation ") and name.endswith(ending)]
