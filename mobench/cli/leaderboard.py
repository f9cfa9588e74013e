"""`mobench leaderboard`: the comparison table of a folder of records."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.console import print_table
from mobench.errors import StoreError
from mobench.text import one_line

if TYPE_CHECKING:
    from mobench.reports.leaderboard import Leaderboard


def leaderboard(folder: Annotated[Path, typer.Argument(help="A folder that `mobench run` wrote.")]) -> None:
    """Print the leaderboard of the records in a folder."""
    print_board(read_board(folder))


def read_board(folder: Path) -> Leaderboard:
    """The leaderboard of a folder; unreadable records are told on standard error.

    Raises: StoreError where there is no record at all.
    """
    from mobench.reports.leaderboard import leaderboard as board_of
    from mobench.runs.store import Store

    contents = Store(folder).contents()
    for error in contents.unreadable:
        print(f"warning: {one_line(str(error))}", file=sys.stderr)
    if not contents.records:
        raise StoreError(f"there are no records in {folder}: name a folder that `mobench run` wrote")
    return board_of(contents.records)


def print_board(board: Leaderboard) -> None:
    """The main columns of a leaderboard, its notes, and what is not in it."""
    from mobench.reports.tables import SHORT, cells_of

    for dataset in dict.fromkeys(board.table["dataset"]):
        part = type(board)(board.table[board.table["dataset"] == dataset])
        columns = [c for c in SHORT if c in part.table.columns and c != "dataset"]
        print_table(columns, cells_of(part, columns), title=dataset)
    for note in board.notes:
        print(f"note: {one_line(note, 2000)}")
    for line in board.left_out:
        print(f"left out: {one_line(line, 2000)}")
