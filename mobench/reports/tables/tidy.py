"""Long (tidy) form of a leaderboard for further analysis: one row per quantity."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mobench.reports.analysis.leaderboard import Leaderboard, is_missing
from mobench.reports.analysis.measurements import NAMES
from mobench.reports.analysis.statistics import Estimate, estimate
from mobench.reports.tables.columns import HALF, HIGH, LOW, Directions, column, is_spread

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["dataset", "model", "solver"]
PER_SEED = [*KEYS, "quantity", "seed", "value", "unit"]
ESTIMATES = [*KEYS, "status", "quantity", "estimate", "lower", "upper", "spread", "n", "unit", "better"]


def seeds(board: Leaderboard) -> pd.DataFrame:
    """Return one row per value of a completed record: dataset, model, solver, quantity, seed, value, unit."""
    import pandas as pd

    if board.measured is None:
        return pd.DataFrame(columns=PER_SEED)
    rows = [
        {**{k: row[k] for k in KEYS}, "quantity": name, "seed": row["seed"], "value": value,
         "unit": column(str(name)).unit}
        for row in board.measured[board.measured["status"] == "completed"].to_dict("records")
        for name, value in row.items()
        if name not in NAMES and not is_missing(value)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PER_SEED)


def estimates(board: Leaderboard, directions: Directions) -> pd.DataFrame:
    """Return one row per quantity of each row of the leaderboard, with the columns of ESTIMATES.

    estimate: the mean, or the median for counts, times and memory.
    lower, upper: ends of the 95 % interval of the mean, or the smallest and the largest value of the n seeds; "spread"
        says which: "95 % interval" or "range".
    """
    import pandas as pd

    values = {key: list(group["value"]) for key, group in seeds(board).groupby([*KEYS, "quantity"], sort=False)}
    rows = [
        _estimate(row, name, values.get((*(row[k] for k in KEYS), name), []), directions)
        for row in board.table.to_dict("records")
        for name in _quantities(row)
    ]
    return pd.DataFrame(rows, columns=ESTIMATES)


def estimates_by(long: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return a frame of the keys and the summary of "value" over seeds, with the columns of `estimates`."""
    import pandas as pd

    rows = []
    for key, group in long.groupby(list(keys), sort=False):
        mean = estimate([float(v) for v in group["value"]])
        rows.append([*key, mean.center, mean.low, mean.high, _spread(mean.half_width), mean.n])
    return pd.DataFrame(rows, columns=[*keys, "estimate", "lower", "upper", "spread", "n"])


def with_spread(name: str, summary: Estimate) -> dict[str, float]:
    """Return the columns of a summary: the value, its half width, and the range if there is no half width."""
    is_range = math.isnan(summary.half_width)
    edges = (summary.low, summary.high) if is_range else (math.nan, math.nan)
    values = (summary.center, summary.half_width, *edges)
    return {name + suffix: value for suffix, value in zip(("", HALF, LOW, HIGH), values, strict=True)}


def sorted_by(table: pd.DataFrame, columns: Sequence[str], places: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """Return the rows sorted by columns.

    places: column -> value -> position, for columns that are not sorted by their values.
    """
    ordered = table.sort_values(list(columns), key=lambda c: c.map(places[str(c.name)]) if c.name in places else c)
    return ordered.reset_index(drop=True)


def _estimate(row: Mapping[Any, Any], name: str, values: Sequence[float], directions: Directions) -> dict[str, Any]:
    """Return a row of `estimates`. values: of the seeds; their range is used for quantities without a spread."""
    value, half = float(row[name]), float(row.get(name + HALF, math.nan))
    low, high = row.get(name + LOW, min(values, default=value)), row.get(name + HIGH, max(values, default=value))
    if not math.isnan(half):
        low, high = value - half, value + half
    col = column(name, row["dataset"], directions)
    return {
        **{k: row[k] for k in KEYS}, "status": row["status"], "quantity": name, "estimate": value, "lower": low,
        "upper": high, "spread": _spread(half), "n": len(values), "unit": col.unit, "better": col.better,
    }  # fmt: skip


def _spread(half_width: float) -> str:
    return "range" if math.isnan(half_width) else "95 % interval"


def _quantities(row: Mapping[Any, Any]) -> list[str]:
    names = [str(n) for n, v in row.items() if not isinstance(v, str) and not is_missing(v)]
    return [n for n in names if n != "seeds" and not is_spread(n)]
