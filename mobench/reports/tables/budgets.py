"""Table of quality within a budget: the validation value of each solver after a given amount of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mobench.errors import OptionError
from mobench.records.record import Record
from mobench.reports.analysis.curves import VALUES, curves
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

if TYPE_CHECKING:
    import pandas as pd

UNITS = {"core-seconds": "core-s", "seconds": "s"}
END = "at the end"
CHECKS = "Validation checks are at a fixed part of the validation split, at equal shares of the training."


def content(board: Leaderboard, records: Sequence[Record], selection: Wanted) -> Content:
    """Return the table: one row per dataset, solver and model, one column per training budget.

    Cells show the last validation check within the budget. Budgets are processor time if every check has it, else
    wall-clock time. A cell is empty if some seed has no check within the budget.

    Raises: OptionError if no record has validation checks, or a column or row does not exist.
    """
    looks = _looks(board, records)
    if not len(looks):
        raise OptionError(
            "no completed record has validation checks, which this table shows: name a folder that has some"
        )
    unit = "core-seconds" if "core-seconds" in looks and looks["core-seconds"].notna().all() else "seconds"
    budgets = {
        f"{number:g} {UNITS[unit]}": number
        for number in _round_numbers(float(looks[unit].min()), float(looks[unit].max()))
    } | {END: np.inf}
    long = _held(looks, unit, budgets)
    frame = chosen_rows(_across(long, list(budgets), board), selection)
    (quantity, *more) = dict.fromkeys(looks["what"])
    described = {
        name: Column(name, name, f"{quantity} {_when(name)}", "lower" if quantity == VALUES[True] else "higher")
        for name in budgets
    }
    if more:
        raise OptionError(
            f"these datasets have {' and '.join([quantity, *more])}: name some that have one of them, with --dataset"
        )
    shown = [c for c in tidy.KEYS if c == "solver" or frame[c].nunique() > 1]
    return content_of(
        frame, [*shown, *described, *status_if_incomplete(frame)], described, selection,
        caption=f"{quantity.capitalize()} at the last validation check within a budget of training",
        notes=[CHECKS, *notes_of(board)],
        seeds=lambda: long, estimates=lambda: tidy.estimates_by(long, [*tidy.KEYS, "budget"]),
    )  # fmt: skip


def _looks(board: Leaderboard, records: Sequence[Record]) -> pd.DataFrame:
    """Return the validation checks of the records in the leaderboard, with the leaderboard's names."""
    measured = {} if board.measured is None else {row["id"]: row["solver"] for row in board.measured.to_dict("records")}
    return curves(judged_records(board, records), measured)


def _held(looks: pd.DataFrame, unit: str, budgets: Mapping[str, float]) -> pd.DataFrame:
    """Return tidy.KEYS, budget, seed, value: each run's last check within a budget, if every seed has one."""
    import pandas as pd

    rows: list[list[Any]] = []
    for key, checks in looks.groupby(tidy.KEYS, sort=False):
        runs = {seed: run.sort_values("step") for seed, run in checks.groupby("seed")}
        for name, budget in budgets.items():
            held = {seed: run[run[unit] <= budget]["value"] for seed, run in runs.items()}
            if all(len(values) for values in held.values()):
                rows += [[*key, name, str(seed), float(values.iloc[-1])] for seed, values in held.items()]
    table = pd.DataFrame(rows, columns=[*tidy.KEYS, "budget", "seed", "value"])
    places = {"budget": {name: i for i, name in enumerate(budgets)}}
    return tidy.sorted_by(table, [*tidy.KEYS, "budget", "seed"], places)


def _across(long: pd.DataFrame, names: Sequence[str], board: Leaderboard) -> pd.DataFrame:
    """Return a frame of tidy.KEYS, each budget with its spread, and status, in the leaderboard's order."""
    import pandas as pd

    parts = {tuple(key): values for key, values in long.groupby(tidy.KEYS, sort=False)}
    rows: list[dict[str, Any]] = []
    for place in board.table.to_dict("records"):
        values = parts.get(tuple(place[k] for k in tidy.KEYS))
        if values is None:
            continue
        summaries = {name: estimate(list(part["value"])) for name, part in values.groupby("budget", sort=False)}
        row: dict[str, Any] = {k: place[k] for k in tidy.KEYS}
        for name in names:
            row |= tidy.with_spread(name, summaries.get(name, estimate([])))
        rows.append({**row, "status": place["status"]})
    return pd.DataFrame(rows)


def _round_numbers(first: float, last: float) -> list[float]:
    """Return 1, 2, 5, 10, 20, … between the first validation check and the end of the longest training."""
    powers = range(int(np.floor(np.log10(max(first, 1e-6)))), int(np.ceil(np.log10(max(last, 1e-6)))) + 1)
    numbers = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    return [number for number in numbers if first <= number <= last]


def _when(name: str) -> str:
    return name if name == END else f"after {name} of training"
