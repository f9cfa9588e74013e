"""Long (tidy) form of a leaderboard for further analysis: one row per quantity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mobench.reports.analysis.leaderboard import Leaderboard, is_missing
from mobench.reports.analysis.measurements import NAMES
from mobench.reports.analysis.statistics import estimate
from mobench.reports.tables.columns import HALF, Directions, column

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["dataset", "model", "solver"]
PER_SEED = [*KEYS, "quantity", "seed", "value", "unit"]
ESTIMATES = [*KEYS, "status", "quantity", "estimate", "lower", "upper", "n", "unit", "better"]


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

    lower, upper: the 95 % interval of the leaderboard if it has one, else a Student t interval of the values of the
        n seeds; missing for a single seed.
    """
    import pandas as pd

    values = {
        key: [float(v) for v in group["value"]]
        for key, group in seeds(board).groupby([*KEYS, "quantity"], sort=False)
    }  # fmt: skip
    rows = [
        _estimate(row, name, values.get((*(row[k] for k in KEYS), name), []), directions)
        for row in board.table.to_dict("records")
        for name in _quantities(row)
    ]
    return pd.DataFrame(rows, columns=ESTIMATES)


def estimates_by(long: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return a frame of the keys, estimate, lower, upper and n: the mean of "value" over seeds with its interval."""
    import pandas as pd

    rows = []
    for key, group in long.groupby(list(keys), sort=False):
        mean = estimate([float(v) for v in group["value"]])
        rows.append([*key, mean.mean, mean.low, mean.high, mean.n])
    return pd.DataFrame(rows, columns=[*keys, "estimate", "lower", "upper", "n"])


def sorted_by(table: pd.DataFrame, columns: Sequence[str], places: Mapping[str, Mapping[str, int]]) -> pd.DataFrame:
    """Return the rows sorted by columns.

    places: column -> value -> position, for columns that are not sorted by their values.
    """
    ordered = table.sort_values(list(columns), key=lambda c: c.map(places[str(c.name)]) if c.name in places else c)
    return ordered.reset_index(drop=True)


def _estimate(row: Mapping[Any, Any], name: str, values: list[float], directions: Directions) -> dict[str, Any]:
    half = row.get(name + HALF, estimate(values).half_width)
    col = column(name, row["dataset"], directions)
    return {
        **{k: row[k] for k in KEYS}, "status": row["status"], "quantity": name, "estimate": float(row[name]),
        "lower": row[name] - half, "upper": row[name] + half, "n": len(values), "unit": col.unit,
        "better": col.better,
    }  # fmt: skip


def _quantities(row: Mapping[Any, Any]) -> list[str]:
    names = [str(n) for n, v in row.items() if not isinstance(v, str) and not is_missing(v)]
    return [n for n in names if n != "seeds" and not n.endswith(HALF)]
