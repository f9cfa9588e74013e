"""`mobench leaderboard`: print the leaderboard of folders of records."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.api import result_tables
from mobench.cli.board import print_board, print_comparison
from mobench.cli.python_options import Detail, options_of
from mobench.output.printing import events, warn

if TYPE_CHECKING:
    from mobench.records.outline import Measured, Outline
    from mobench.records.record import Record
    from mobench.reports.analysis.leaderboard import Leaderboard


@options_of(
    result_tables.leaderboard,
    folder=Detail(more={"metavar": "FOLDERS..."}),
    protocol=Detail(is_repeated=True),
)
def leaderboard(pairs: bool, **values: Any) -> None:
    """Print the leaderboard of records: ranks, values with their spread over seeds, and which solvers are tied.

    Comparable records of several folders are shown in one table.
    """
    from mobench.records.index import uncollected

    with uncollected():
        result = result_tables.compared(**values, warn=warn)
        gc.freeze()  # no garbage collection at the end of the process either
        print_board(result.board, result.options, result.comparisons, result.directions)
        if pairs and events() is None:
            for comparison in result.comparisons:
                print_comparison(comparison)


def read_board(folder: Path) -> Leaderboard:
    """Return the leaderboard of a folder, and warn about unreadable records.

    Raises: StoreError if there is no record.
    """
    return board_of(read_outlines([folder]))


def board_of(records: Sequence[Measured], protocols: Sequence[str] = ()) -> Leaderboard:
    """Return the leaderboard of records, restricted to some protocol versions if any are given."""
    from mobench.reports.analysis.leaderboard import leaderboard as made

    return made(records, protocols)


def read_records(folders: Sequence[Path]) -> list[Record]:
    """Return the records of all folders, and warn about unreadable ones. Raises: StoreError."""
    from mobench.records import reading

    return reading.read_records(folders, warn)


def read_outlines(folders: Sequence[Path]) -> list[Outline]:
    """Return the outlines of the records of all folders: the parts that tables need. Much faster for many records."""
    from mobench.records import reading

    return reading.read_outlines(folders, warn)


def folder_of(named: Path) -> Path:
    """Return the folder itself, or if it does not exist, the folder of the suite of that name below results/."""
    from mobench.records import reading

    return reading.folder_of(named)
