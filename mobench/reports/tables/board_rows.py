"""Which part of a leaderboard is shown: its rows, in their order, and its columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mobench.reports.tables.columns import column, is_spread
from mobench.reports.tables.content import Wanted, check_known, chosen_rows

if TYPE_CHECKING:
    import pandas as pd

    from mobench.reports.analysis.leaderboard import Leaderboard
    from mobench.reports.tables.columns import Directions


@dataclass(frozen=True)
class BoardOptions:
    """Which part of a leaderboard is printed, and how.

    columns: in their order; if empty, those of `BOARD`, or with `is_wide` those of `WIDE`.
    solvers: whose rows are kept; if empty, all.
    sort:    the column by which rows are sorted, best first; "" for the order of ranks.
    is_wide: whether more columns are shown and no row is wrapped.
    """

    columns: Sequence[str] = ()
    solvers: Sequence[str] = ()
    sort: str = ""
    is_wide: bool = False


def shown_rows(board: Leaderboard, options: BoardOptions, directions: Directions | None = None) -> pd.DataFrame:
    """Return the rows of the chosen solvers in the chosen order. Raises: OptionError for an unknown name."""
    names = [str(c) for c in board.table.columns if not is_spread(str(c))]
    check_known("column", [*options.columns, *([options.sort] if options.sort else [])], names)
    frame = chosen_rows(board.table, Wanted(solvers=options.solvers)) if len(board.table) else board.table
    if not options.sort:
        return frame
    import pandas as pd

    parts = []
    for dataset in dict.fromkeys(frame["dataset"]):
        is_descending = column(options.sort, str(dataset), directions).better == "higher"
        part = frame[frame["dataset"] == dataset]
        parts.append(part.sort_values(options.sort, ascending=not is_descending, kind="stable", na_position="last"))
    return pd.concat(parts) if parts else frame
