"""Pareto front among solvers in columns of a leaderboard, such as error against memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mobench.errors import OptionError
from mobench.metrics import indicators
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.tables.table_files import markdown, number, write_texts
from mobench.text import near_names

if TYPE_CHECKING:
    import pandas as pd


@dataclass
class TradeOffBoard:
    """Rows of a leaderboard as points whose coordinates are all minimised.

    table: dataset, solver, model, seeds, the coordinates, "on the front" and "share": the hypervolume that would be
        lost without the row.
    hypervolume: dataset -> hypervolume of all its rows, as a share of the box up to the reference.
    """

    table: pd.DataFrame
    hypervolume: dict[str, float]


def trade_off(board: Leaderboard, columns: Sequence[str], reference: Sequence[float]) -> TradeOffBoard:
    """Return the trade-off of the complete rows of a leaderboard in `columns`, per dataset.

    Raises: OptionError for a column that the leaderboard does not have.
    """
    import pandas as pd

    known_columns = [str(c) for c in board.table.columns]
    for column in columns:
        if column not in known_columns:
            raise OptionError(f"the leaderboard has no column {column!r}{near_names(column, known_columns)}")
    complete = board.table[board.table["status"] == "complete"]
    rows, volumes = [], {}
    for name, group in complete.groupby("dataset", sort=True):
        points = group[list(columns)].to_numpy(float) / np.asarray(reference, float)
        corner = np.ones(len(columns))
        total = volumes[str(name)] = indicators.hypervolume(points, corner)
        best = indicators.non_dominated(points)
        for i, row in enumerate(group.to_dict("records")):
            rest = np.delete(points, i, axis=0)
            without = indicators.hypervolume(rest, corner) if len(rest) else 0.0
            rows.append(
                {
                    **{c: row[c] for c in ("dataset", "solver", "model", "seeds")},
                    **{c: row[c] for c in columns},
                    "on the front": "yes" if best[i] else "no",
                    "share": total - without,
                }
            )
    table = pd.DataFrame(rows)
    if rows:
        table = table.sort_values(["dataset", columns[0]], kind="stable", ignore_index=True)
    return TradeOffBoard(table, volumes)


def to_markdown(board: TradeOffBoard, columns: Sequence[str], reference: Sequence[float]) -> str:
    """Return a Markdown table of the points, followed by the hypervolume of each dataset."""
    names = [str(c) for c in board.table.columns]
    rows = [[number(row[n], 4) for n in names] for row in board.table.to_dict("records")]
    corner = ", ".join(f"{c} {number(r, 3)}" for c, r in zip(columns, reference, strict=True))
    lines = [markdown(names, rows), f"Hypervolume up to {corner}, as a share of that box:", ""]
    lines += [f"- {name}: {value:.4f}" for name, value in board.hypervolume.items()]
    return "\n".join(lines) + "\n"


def export(board: TradeOffBoard, columns: Sequence[str], reference: Sequence[float], folder: Path) -> list[Path]:
    """Write trade_off.md and trade_off.csv. Raises: StoreError."""
    texts = {
        "trade_off.md": to_markdown(board, columns, reference),
        "trade_off.csv": board.table.to_csv(index=False, lineterminator="\n"),
    }
    return write_texts(folder, texts)
