"""A leaderboard in long form: one row per quantity, for analysis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mobench.reports.columns import HALF, column, directions_of
from mobench.reports.leaderboard import Leaderboard, is_missing, per_seed
from mobench.reports.statistics import estimate
from mobench.runs.record import Record

if TYPE_CHECKING:
    import pandas as pd

KEYS = ["dataset", "model", "solver"]
PER_SEED = [*KEYS, "quantity", "seed", "value", "unit"]
ESTIMATES = [*KEYS, "status", "quantity", "estimate", "lower", "upper", "n", "unit", "better"]


def seeds(records: Sequence[Record]) -> pd.DataFrame:
    """Dataset, model, solver, quantity, seed, value, unit: one row for every value that a record gives."""
    import pandas as pd

    rows = [
        {**{k: row[k] for k in KEYS}, "quantity": name, "seed": int(row["seed"]), "value": float(value),
         "unit": column(str(name)).unit}
        for row in per_seed(records).to_dict("records")
        for name, value in row.items()
        if name not in (*KEYS, "seed") and not is_missing(value)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=PER_SEED)


def estimates(board: Leaderboard, records: Sequence[Record]) -> pd.DataFrame:
    """Dataset, model, solver, status, quantity, estimate, lower, upper, n, unit, better: a row per quantity.

    lower, upper: the 95 % interval, the leaderboard's where it has one, else Student's of the n values
        of single seeds; missing with a single one.
    """
    import pandas as pd

    values = {
        key: [float(v) for v in group["value"]]
        for key, group in seeds(records).groupby([*KEYS, "quantity"], sort=False)
    }
    directions = directions_of(records)
    rows: list[dict[str, Any]] = []
    for row in board.table.to_dict("records"):
        keys = {k: row[k] for k in KEYS}
        for name in _quantities(row):
            own = values.get((*keys.values(), name), [])
            half = row.get(name + HALF, estimate(own).half_width)
            col = column(name, row["dataset"], directions)
            rows.append(
                {**keys, "status": row["status"], "quantity": name, "estimate": float(row[name]),
                 "lower": row[name] - half, "upper": row[name] + half, "n": len(own) or row["seeds"],
                 "unit": col.unit, "better": col.better}
            )  # fmt: skip
    return pd.DataFrame(rows, columns=ESTIMATES)


def _quantities(row: dict[Any, Any]) -> list[str]:
    names = [str(n) for n, v in row.items() if not isinstance(v, str) and not is_missing(v)]
    return [n for n in names if n != "seeds" and not n.endswith(HALF)]
