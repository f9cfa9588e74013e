"""`mobench leaderboard`: print the leaderboard of folders of records, with statistical tests."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.api import result_tables
from mobench.cli.console import print_table
from mobench.cli.python_options import Detail, options_of
from mobench.output.printing import events, say, warn
from mobench.output.result_lines import LeaderboardLine
from mobench.text import one_line

if TYPE_CHECKING:
    from mobench.api.result_tables import ComparedRecords
    from mobench.records.outline import Measured, Outline
    from mobench.records.record import Record
    from mobench.reports.analysis.comparison import SolverComparison
    from mobench.reports.analysis.leaderboard import Leaderboard

MOST_LINES = 20


@options_of(
    result_tables.leaderboard,
    folder=Detail(more={"metavar": "FOLDERS..."}),
    protocol=Detail(is_repeated=True),
)
def leaderboard(pairs: bool, **values: Any) -> None:
    """Print the leaderboard of records with ranks, tests and effect sizes, and the reasons for missing tests.

    Comparable records of several folders are shown in one table.
    """
    from mobench.records.index import uncollected

    with uncollected():
        result = result_tables.compared(**values, warn=warn)
        gc.freeze()  # no garbage collection at the end of the process either
        if (stream := events()) is not None:
            stream.emit(_line(result))
            return
        print_board(result.board, result.columns)
        for comparison in result.comparisons:
            print_comparison(comparison, pairs)


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


def print_board(board: Leaderboard, columns: Sequence[str] = ()) -> None:
    """Print a leaderboard, by default its main columns, the table across tasks, notes, and the records left out."""
    from mobench.reports.tables import across_tasks
    from mobench.reports.tables.content import Wanted
    from mobench.reports.tables.table_files import SHORT, cells_of

    for dataset in dict.fromkeys(board.table["dataset"]):
        part = type(board)(board.table[board.table["dataset"] == dataset])
        names = columns or [c for c in SHORT if c in part.table.columns and c != "dataset"]
        print_table(names, cells_of(part, names), title=dataset)
    if across_tasks.n_tasks(board) > 1:
        table = across_tasks.content(board, (), Wanted()).sheet
        rows = [[cell.text for cell in row] for row in table.rows]
        print_table([column.heading for column in table.columns], rows, title="all tasks: normalised hypervolume")
    for note in board.notes:
        say(f"note: {one_line(note, 2000)}")
    for line in board.left_out[:MOST_LINES]:
        say(f"left out: {one_line(line, 2000)}")
    if len(board.left_out) > MOST_LINES:
        say(f"left out: {len(board.left_out) - MOST_LINES} more (--json names them all)")


def print_comparison(comparison: SolverComparison, every_pair: bool = False) -> None:
    """Print average ranks, each solver against the best (or every pair), and the results of the tests."""
    from mobench.reports.analysis.comparison import against_best, significant_pairs
    from mobench.reports.tables.table_files import number

    ranking = comparison.ranking
    scope = comparison.dataset or "all datasets"
    say(f"\n{scope}: {comparison.column} over {ranking.n_blocks} {comparison.blocks}")
    if len(ranking.solvers) > 1 and ranking.n_blocks:
        chosen = list(ranking.effect_sizes) if every_pair else against_best(ranking)
        title = "better, by average rank" if every_pair else "the best, by average rank"
        rows = [[*pair, number(ranking.effect_sizes[pair], 2), _p(ranking.pairwise.get(pair))] for pair in chosen]
        ranks = dict(zip(ranking.solvers, ranking.average_ranks, strict=True))
        rows = [[a, f"{ranks[a]:.2f}", b, f"{ranks[b]:.2f}", effect, p] for a, b, effect, p in rows]
        print_table([title, "rank", "against", "rank", "effect size", "p (Holm)"], rows)
    if ranking.friedman_p is not None:
        say(f"Friedman's test of equal ranks: p = {_p(ranking.friedman_p)}")
    if ranking.critical_difference is not None:
        say(f"Nemenyi's critical difference of average ranks: {ranking.critical_difference:.2f}")
        for run in ranking.indistinguishable:
            say(f"no significant difference between: {', '.join(run)}")
    if ranking.pairwise:
        say(f"pairs with a significant difference: {len(significant_pairs(ranking))} of {len(ranking.pairwise)}")
    if ranking.missing_tests:
        say(f"not tested: {ranking.missing_tests}")
    if ranking.n_left_out:
        say(f"blocks left out because a score is missing: {ranking.n_left_out}")
    for line in comparison.absent:
        say(f"absent: {line}")


def _p(p: float | None) -> str:
    return "–" if p is None else f"{p:.2g}"


def _line(result: ComparedRecords) -> LeaderboardLine:
    from mobench.reports.analysis.comparison import to_dict
    from mobench.reports.analysis.leaderboard import is_missing

    board = result.board
    rows: list[dict[Any, Any]] = [
        {k: None if is_missing(v) else v for k, v in row.items()} for row in result.frame.to_dict("records")
    ]
    return LeaderboardLine(rows, [to_dict(c) for c in result.comparisons], board.notes, board.left_out)
