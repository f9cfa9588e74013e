"""Table of accuracy at each preference on every split: one row per solver, one column per preference."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.errors import OptionError
from mobench.records.record import Record, RecordedFront
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.analysis.statistics import estimate
from mobench.reports.tables import tidy
from mobench.reports.tables.columns import Column
from mobench.reports.tables.content import (
    Content,
    Wanted,
    chosen_rows,
    content_of,
    judged_records,
    notes_of,
    status_if_incomplete,
)
from mobench.reports.tables.ray_table import SPLITS

if TYPE_CHECKING:
    import pandas as pd

METRIC = "accuracy"
PERCENT = (0.0, 100.0)
NAMES = ["dataset", "split", "solver", "model"]
Preference = tuple[float, ...]


def content(board: Leaderboard, records: Sequence[Record], selection: Wanted) -> Content:
    """Return the table: one row per dataset, split, solver and model, one column per preference.

    Cells are the mean accuracy of the objectives in %. Solvers are compared within each split. Notes give the
    preference with the best validation accuracy; the test split is not used to choose it.

    Raises: OptionError if no record has accuracies, or a column or row does not exist.
    """
    long = seeds(board, records)
    if not len(long):
        raise OptionError(f"no completed record has {METRIC}: name a folder whose datasets have it")
    frame = chosen_rows(_across(long, board), selection)
    preferences = [name for name in dict.fromkeys(long["preference"]) if frame[name].notna().any()]
    shown = [c for c in NAMES if c in ("split", "solver") or frame[c].nunique() > 1]
    notes = ["Accuracies are in %. Solvers are compared within each split.", *_chosen(frame, preferences)]
    return content_of(
        frame, [*shown, *preferences, *status_if_incomplete(frame)], {name: _column(name) for name in preferences},
        selection, group=("dataset", "split"), notes=[*notes, *notes_of(board)],
        caption="Accuracy in % at each preference, mean of the objectives", seeds=lambda: long,
        estimates=lambda: tidy.estimates_by(long, [*tidy.KEYS, "split", "preference"]),
    )  # fmt: skip


def seeds(board: Leaderboard, records: Iterable[Record]) -> pd.DataFrame:
    """Return one row per accuracy of a record, in %: dataset, model, solver, split, preference, seed, value.

    Only records in the leaderboard are used. Rows are sorted by preference first.
    """
    import pandas as pd

    measured = {} if board.measured is None else {row["id"]: row for row in board.measured.to_dict("records")}
    accuracies: list[tuple[Preference, dict[str, Any]]] = []
    for record in judged_records(board, records):
        row = {key: measured[record.id][key] for key in (*tidy.KEYS, "seed")}
        for split, word in SPLITS.items():
            accuracies += [(p, {**row, "split": word, "value": v}) for p, v in _values(record.fronts.get(split))]
    names = preference_names(p for p, _ in accuracies)
    rows = [{**row, "preference": names[p]} for p, row in accuracies]
    columns = [*tidy.KEYS, "split", "preference", "seed", "value"]
    table = pd.DataFrame(rows, columns=columns)
    places = {
        "split": {word: i for i, word in enumerate(SPLITS.values())},
        "preference": {names[p]: i for i, p in enumerate(sorted(names))},
    }
    return tidy.sorted_by(table, ["preference", "dataset", "split", "solver", "model", "seed"], places)


def preference_names(preferences: Iterable[Preference]) -> dict[Preference, str]:
    """Return preference -> name, with three digits or as many as are needed to make the names distinct."""
    distinct = sorted(set(preferences))
    for digits in range(3, 18):
        names = {p: ", ".join(f"{r:.{digits}g}" for r in p) for p in distinct}
        if len(set(names.values())) == len(distinct):
            break
    return names


def _values(front: RecordedFront | None) -> list[tuple[Preference, float]]:
    """Return each preference with the mean accuracy of the objectives in %; NaN if an objective has none.

    Points that belong to no preference are left out.
    """
    if front is None or not front.preferences:
        return []
    accuracies = [values for name, values in front.metrics.items() if name.endswith(f"/{METRIC}")]
    if not accuracies:
        return []
    mean = 100 * np.mean(np.array(accuracies, dtype=float), axis=0)
    return [(tuple(p), float(v)) for p, v in zip(front.preferences, mean, strict=True)]


def _across(long: pd.DataFrame, board: Leaderboard) -> pd.DataFrame:
    """Return a frame of NAMES, each preference with its spread, and status; complete rows first in each split."""
    import pandas as pd

    statuses = {tuple(row[k] for k in tidy.KEYS): row["status"] for row in board.table.to_dict("records")}
    rows: dict[tuple[str, ...], dict[str, Any]] = defaultdict(dict)
    for key, group in long.groupby([*NAMES, "preference"], sort=False):
        *names, preference = map(str, key)
        rows[tuple(names)] |= tidy.with_spread(preference, estimate([float(v) for v in group["value"]], bounds=PERCENT))
    places = {key: i for i, key in enumerate(statuses)}
    splits = list(SPLITS.values())

    def order(key: tuple[str, ...]) -> tuple[Any, ...]:
        dataset, split, solver, model = key
        return dataset, splits.index(split), places[dataset, model, solver]

    records = [
        {**dict(zip(NAMES, key, strict=True)), **rows[key], "status": statuses[key[0], key[3], key[2]]}
        for key in sorted(rows, key=order)
    ]
    values = [n for name in dict.fromkeys(long["preference"]) for n in tidy.with_spread(name, estimate([]))]
    return pd.DataFrame(records, columns=[*NAMES, *values, "status"])


def _chosen(frame: pd.DataFrame, preferences: Sequence[str]) -> list[str]:
    """Return a note for each row with the preference whose validation accuracy is highest."""
    of_validation = frame[frame["split"] == SPLITS["val"]]
    return [
        f"{row['dataset']}, {row['solver']} on {row['model']}: validation chooses ({_best(row, preferences)})"
        for row in of_validation.to_dict("records")
    ]


def _best(row: dict[Any, Any], preferences: Sequence[str]) -> str:
    return max((p for p in preferences if row[p] == row[p]), key=lambda p: float(row[p]), default="none")


def _column(preference: str) -> Column:
    return Column(preference, preference, f"accuracy in % at the preference ({preference})", "higher", decimals=2)
