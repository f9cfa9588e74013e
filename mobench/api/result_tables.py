"""`mobench.leaderboard`: the comparison table of records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
    from mobench.reports.tables.board_rows import BoardOptions
    from mobench.reports.tables.columns import Directions


def leaderboard(
    folder: str | Path | Sequence[str | Path],
    *,
    dataset: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    columns: str | Sequence[str] = (),
    sort: str = "",
    wide: bool = False,
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
        sort: The column that rows are sorted by, best first; default: rank.
        wide: Show more columns, and do not wrap rows. It concerns text only.
        by: The column by which solvers are compared.
        protocol: Protocol versions to show, if the records have several.
        pairs: Also show the comparison of every pair of solvers. In Python, only pairs with the best without it.

    Returns:
        One row per dataset, model and solver, best hypervolume first, with the spread over seeds: column "<name> ±" is
        the half width of the 95 % interval of a mean, and "<name> low" and "<name> high" are a range of single seeds.
        `table.attrs` has "notes", "left_out", and "comparisons": for each dataset the ranks, and the differences of
        pairs of solvers in `by`.

    Raises:
        StoreError: If there are no records.
        OptionError: For a dataset, solver, column or protocol that the records do not have.
    """
    from mobench.reports.analysis.comparison import to_dict
    from mobench.reports.tables.board_rows import shown_rows
    from mobench.reports.tables.content import with_spread

    result = compared(
        folder, dataset=dataset, solver=solver, columns=columns, sort=sort, wide=wide, by=by, protocol=protocol,
        warn=warn,
    )  # fmt: skip
    for line in result.board.left_out:
        warn(f"left out: {line}")
    comparisons = [to_dict(comparison) for comparison in result.comparisons]
    if not pairs:
        for comparison in comparisons:
            best = next(iter(comparison["average_ranks"]), None)
            comparison["pairs"] = [pair for pair in comparison["pairs"] if pair["better"] == best]
    frame = shown_rows(result.board, result.options, result.directions)
    table = with_spread(frame, result.options.columns).copy()
    table.attrs = {"notes": result.board.notes, "left_out": result.board.left_out, "comparisons": comparisons}
    return table


@dataclass(frozen=True)
class ComparedRecords:
    """A leaderboard, the part of it that is shown, and its comparisons.

    directions: of the metrics; None if no metric is shown.
    """

    board: Leaderboard
    options: BoardOptions
    comparisons: list[SolverComparison]
    directions: Directions | None


def compared(
    folder: str | Path | Sequence[str | Path],
    *,
    dataset: str | Sequence[str],
    solver: str | Sequence[str],
    columns: str | Sequence[str],
    sort: str,
    wide: bool,
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
    from mobench.reports.tables.board_rows import BoardOptions, shown_rows
    from mobench.reports.tables.columns import directions_of, is_metric

    records = _of_datasets(read_outlines(paths(folder), warn), arguments.names(dataset, "dataset"))
    board = board_of_records(records, arguments.names(protocol, "protocol"))
    options = BoardOptions(arguments.names(columns, "columns"), arguments.names(solver, "solver"), sort, wide)
    # the directions of metrics need the plugins of the datasets, which are slow to load
    needs_directions = any(is_metric(name) for name in (*options.columns, sort))
    directions = directions_of(records) if needs_directions else None
    shown_rows(board, options, directions)  # raises an error for an unknown name before solvers are compared
    return ComparedRecords(board, options, compare(board, by, _higher_is_better(board, records, by)), directions)


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


def _higher_is_better(board: Leaderboard, records: Sequence[Measured], name: str) -> bool:
    """Return whether larger values of a column are better.

    Raises: OptionError for an unknown column, or one without a direction, with the accepted names.
    """
    from mobench.reports.analysis.measurements import NAMES
    from mobench.reports.tables.columns import column, directions_of, is_metric

    if board.measured is None:
        return True
    datasets = list(dict.fromkeys(r.job.dataset.name for r in records))
    quantities = [str(c) for c in board.measured.columns if c not in NAMES]
    directions = directions_of(records) if is_metric(name) else None
    better = {column(name, dataset, directions).better for dataset in datasets} - {""}
    if name not in quantities or len(better) != 1:
        accepted = ", ".join(c for c in quantities if is_metric(c) or column(c).better)
        reason = "has no direction (larger or smaller is better)" if name in quantities else "does not exist"
        raise OptionError(f"--by {name!r}: this column {reason}; accepted: {accepted}")
    return better == {"higher"}
