"""`mobench leaderboard`: print the leaderboard of folders of records."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.board import BoardOptions, print_board, print_comparison
from mobench.cli.output import events, warn
from mobench.errors import OptionError
from mobench.text import name_hint

if TYPE_CHECKING:
    from mobench.records.outline import Measured, Outline
    from mobench.records.record import Record
    from mobench.reports.analysis.leaderboard import Leaderboard


def leaderboard(
    folders: Annotated[list[Path], typer.Argument(help="Folders written by `mobench run`, or suites in results/.")],
    dataset: Annotated[str, typer.Option(help="Comma-separated datasets to show; default: all.")] = "",
    solver: Annotated[str, typer.Option(help="Comma-separated solvers to show; default: all.")] = "",
    columns: Annotated[str, typer.Option(help="Comma-separated columns; `mobench show COLUMN` defines one.")] = "",
    sort: Annotated[str, typer.Option(help="The column that rows are sorted by, best first; default: rank.")] = "",
    wide: Annotated[bool, typer.Option("--wide", help="Show more columns, and do not wrap rows.")] = False,
    by: Annotated[str, typer.Option(help="The column by which solvers are compared.")] = "hypervolume",
    pairs: Annotated[bool, typer.Option("--pairs", help="Also show the comparison of every pair of solvers.")] = False,
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="A protocol version to show, if the records have several; may be repeated."),
    ] = None,
) -> None:
    """Print the leaderboard of records: ranks, values with their spread over seeds, and which solvers are tied.

    Comparable records of several folders are shown in one table.
    """
    from mobench.jobs.arguments import parse_names
    from mobench.records.index import uncollected
    from mobench.reports.analysis.comparison import compare
    from mobench.reports.tables.columns import directions_of, is_metric

    with uncollected():
        records = _of_datasets(read_outlines(folders), dataset)
        gc.freeze()  # no garbage collection at the end of the process either
        board = board_of(records, protocol or ())
        options = BoardOptions(parse_names(columns, "--columns"), parse_names(solver, "--solver"), sort, wide)
        # the directions of metrics need the plugins of the datasets, which are slow to load
        needs_directions = any(is_metric(name) for name in (*options.columns, sort))
        directions = directions_of(records) if needs_directions else None
        comparisons = compare(board, by, _higher_is_better(board, records, by))
        print_board(board, options, comparisons, directions)
        if pairs and events() is None:
            for comparison in comparisons:
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


def _of_datasets(records: list[Outline], names: str) -> list[Outline]:
    from mobench.jobs.arguments import parse_names

    chosen = parse_names(names, "--dataset")
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
