"""`mobench.leaderboard`: the comparison table of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.api.calls import paths, warn
from mobench.errors import OptionError
from mobench.text import name_hint

if TYPE_CHECKING:
    import pandas as pd

    from mobench.records.outline import Measured, Outline
    from mobench.reports.analysis.comparison import SolverComparison
    from mobench.reports.analysis.leaderboard import Leaderboard


def leaderboard(
    folder: str | Path | Sequence[str | Path],
    *,
    dataset: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    columns: str | Sequence[str] = (),
    by: str = "hypervolume",
    protocol: str | Sequence[str] = (),
    pairs: bool = False,
) -> pd.DataFrame:
    """Return the leaderboard of the records of one or several folders.

    Comparable records of several folders are in one table. Records that cannot be read or compared are reported as a
    UserWarning.

    Args:
        folder: Folders written by `mobench run`, or suites in results/.
        dataset: Datasets to show; default: all.
        solver: Solvers whose rows are shown; default: all. Ranks and tests are those among all solvers.
        columns: Columns to show, see `mobench help columns`; default: in Python all, as text the main ones.
        by: The column that the statistical tests compare.
        protocol: Protocol versions to show, if the records have several.
        pairs: Show every pair, not only pairs with the best.

    Returns:
        One row per dataset, model and solver, best hypervolume first; column "<name> ±" is the half width of the 95 %
        interval of a mean over seeds. `table.attrs` has "notes", "left_out", and "comparisons": for each dataset the
        average ranks, the tests of `by`, and its pairs of solvers (those with the best, or all with `pairs`).

    Raises:
        StoreError: If there are no records.
        OptionError: For a dataset, solver, column or protocol that the records do not have.
    """
    from mobench.reports.analysis.comparison import to_dict

    result = compared(
        folder, dataset=dataset, solver=solver, columns=columns, by=by, protocol=protocol, warn=warn
    )  # fmt: skip
    for line in result.board.left_out:
        warn(f"left out: {line}")
    comparisons = [to_dict(comparison) for comparison in result.comparisons]
    if not pairs:
        for comparison in comparisons:
            best = next(iter(comparison["average_ranks"]), None)
            comparison["pairs"] = [pair for pair in comparison["pairs"] if pair["better"] == best]
    table = result.frame.copy()
    table.attrs = {"notes": result.board.notes, "left_out": result.board.left_out, "comparisons": comparisons}
    return table


@dataclass(frozen=True)
class ComparedRecords:
    """A leaderboard with its comparisons.

    board: the rows that are shown, with all columns.
    frame: the table with the chosen columns.
    columns: the chosen columns; empty: all.
    """

    board: Leaderboard
    frame: pd.DataFrame
    columns: list[str]
    comparisons: list[SolverComparison]


def compared(
    folder: str | Path | Sequence[str | Path],
    *,
    dataset: str | Sequence[str],
    solver: str | Sequence[str],
    columns: str | Sequence[str],
    by: str,
    protocol: str | Sequence[str],
    warn: Callable[[str], None],
) -> ComparedRecords:
    """Return the leaderboard of records and its comparisons; the arguments are those of `leaderboard`.

    warn: called with a line for each record that cannot be read.

    Raises: StoreError, OptionError.
    """
    from mobench.jobs import arguments
    from mobench.records.reading import read_outlines
    from mobench.reports.analysis.comparison import compare
    from mobench.reports.analysis.leaderboard import leaderboard as board_of_records
    from mobench.reports.tables.content import Wanted, check_known, chosen_rows, with_halves

    records = _of_datasets(read_outlines(paths(folder), warn), arguments.names(dataset, "dataset"))
    board = board_of_records(records, arguments.names(protocol, "protocol"))
    comparisons = compare(board, by, _higher_is_better(records, by))
    solvers, names = arguments.names(solver, "solver"), arguments.names(columns, "columns")
    if solvers:
        board = replace(board, table=chosen_rows(board.table, Wanted(solvers=solvers)))
    check_known("column", names, [str(column) for column in board.table.columns])
    return ComparedRecords(board, with_halves(board.table, names), names, comparisons)


def board_of(folders: Sequence[str | Path], warn: Callable[[str], None]) -> Leaderboard:
    """Return the leaderboard of the records of folders; warn of records that are unreadable or left out.

    Raises: StoreError if there are no records.
    """
    from mobench.records.reading import read_outlines
    from mobench.reports.analysis.leaderboard import leaderboard as board_of_records

    board = board_of_records(read_outlines(folders, warn))
    for line in board.left_out:
        warn(f"left out: {line}")
    return board


def _of_datasets(records: list[Outline], chosen: Sequence[str]) -> list[Outline]:
    dataset_names = sorted({r.job.dataset.name for r in records})
    for name in chosen:
        if name not in dataset_names:
            raise OptionError(f"no record is of dataset {name!r}{name_hint(name, dataset_names, 'there are:')}")
    return [r for r in records if not chosen or r.job.dataset.name in chosen]


def _higher_is_better(records: Sequence[Measured], column: str) -> bool:
    """Return whether larger values of a column are better. Raises: OptionError if its direction is unknown."""
    datasets = list(dict.fromkeys(r.job.dataset.name for r in records))
    from mobench.reports.tables.columns import column as described
    from mobench.reports.tables.columns import directions_of

    better = {described(column, name).better for name in datasets} - {""}
    if not better:
        # the column is a metric: ask its dataset, whose plugin is slow to load
        directions = directions_of(records)
        better = {described(column, name, directions).better for name in datasets} - {""}
    if len(better) != 1:
        raise OptionError(f"column {column!r} has no direction (larger or smaller is better): name another one by --by")
    return better == {"higher"}
