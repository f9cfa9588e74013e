"""Leaderboards in a terminal: tables of at most its width, notes, and sentences on which solvers are tied."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mobench.output.printing import events, say
from mobench.output.result_lines import LeaderboardLine
from mobench.output.streams import raw
from mobench.text import one_line, printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.text import Text

    from mobench.reports.analysis.comparison import SolverComparison
    from mobench.reports.analysis.leaderboard import Leaderboard
    from mobench.reports.tables.board_rows import BoardOptions
    from mobench.reports.tables.columns import Directions
    from mobench.reports.tables.sheet import Cell, Sheet

MOST_LINES = 20
WIDTH = 80
"""Width of tables where the output is not a terminal."""
MIN_TEXT = 12
"""Smallest width of a column of text, which wraps."""
BEST = "*"
"""Sign of the best value of a column."""


def print_board(
    board: Leaderboard,
    options: BoardOptions | None = None,
    comparisons: Sequence[SolverComparison] = (),
    directions: Directions | None = None,
) -> None:
    """Print a leaderboard: a table per dataset, the table across tasks, notes, and the records that are left out.

    comparisons: of the solvers by hypervolume; each adds a sentence on the solvers that are tied with the best.
    directions: of the metrics.

    With `--json`, one line holds everything.

    Raises: OptionError for a column or solver that the leaderboard does not have.
    """
    from mobench.reports.analysis.comparison import reading, to_dict
    from mobench.reports.analysis.leaderboard import RANK_INTERVALS
    from mobench.reports.analysis.note import notes_about
    from mobench.reports.tables import across_tasks
    from mobench.reports.tables.board_rows import BoardOptions, shown_rows
    from mobench.reports.tables.content import Wanted

    options = options or BoardOptions()
    frame = shown_rows(board, options, directions)
    if (stream := events()) is not None:
        rows = values_of(frame, options.columns)
        stream.emit(LeaderboardLine(rows, [to_dict(c) for c in comparisons], board.notes, board.left_out))
        return
    sentences = {comparison.dataset: reading(comparison) for comparison in comparisons}
    shown: dict[str, None] = {}
    legend: dict[str, None] = {}
    for dataset in dict.fromkeys(frame["dataset"]):
        table = _sheet(board, frame[frame["dataset"] == dataset], options, directions)
        shown |= dict.fromkeys(column.name for column in table.columns)
        legend |= dict.fromkeys(_legend(table))
        _print_sheet(table, str(dataset), options)
        _print_sentence(sentences.get(str(dataset), ""))
    if not options.columns and across_tasks.n_tasks(board) > 1:
        table = across_tasks.content(board, (), Wanted(solvers=options.solvers)).sheet
        _print_sheet(_without_spread(table), "all tasks: hypervolume as a share of the box of each task", options)
        _print_sentence(sentences.get("", ""))
        notes_of_ranks = (across_tasks.PLACES, *([] if RANK_INTERVALS in board.notes else [across_tasks.RANKS]))
        legend |= dict.fromkeys(note for note in table.notes if note in notes_of_ranks)
    for note in legend:
        _print_note("note", note)
    for note in notes_about(board.notes, shown):
        _print_note("note", note)
    for line in board.left_out[:MOST_LINES]:
        _print_note("left out", line)
    if len(board.left_out) > MOST_LINES:
        _print_note("left out", f"{len(board.left_out) - MOST_LINES} more (--json names them all)")


def values_of(frame: pd.DataFrame, columns: Sequence[str] = ()) -> list[dict[Any, Any]]:
    """Return the rows of a leaderboard as plain values; None where a value is missing.

    columns: the columns to keep, with their spread, together with the names of a row; all if empty.
    """
    from mobench.reports.analysis.leaderboard import is_missing
    from mobench.reports.tables.content import with_spread

    if columns:
        frame = with_spread(frame, list(dict.fromkeys(["dataset", "model", "solver", *columns])))
    return [{k: None if is_missing(v) else v for k, v in row.items()} for row in frame.to_dict("records")]


def print_comparison(comparison: SolverComparison) -> None:
    """Print the comparison of every pair of solvers: the difference with its interval, and p-values."""
    from mobench.cli.console import print_table
    from mobench.reports.tables.table_files import number

    ranking = comparison.ranking
    scope = comparison.dataset or "all datasets"
    say(f"\n{scope}: {comparison.column}, every pair over {ranking.n_blocks} {comparison.blocks}")
    rows = []
    for pair in ranking.pairs():
        interval = "–" if math.isnan(pair.low) else f"{number(pair.low, 4)} to {number(pair.high, 4)}"
        verdict = "ahead" if pair.is_ahead else "open"
        numbers = [number(pair.difference, 4), interval, verdict, f"{pair.p:.2g}", f"{pair.p_holm:.2g}"]
        rows.append([pair.better, pair.worse, *numbers, number(pair.effect_size, 2)])
    if rows:
        print_table(
            ["better", "worse", "difference", "95 % interval", "verdict", "p (Wilcoxon)", "p (Holm)", "effect size"],
            rows,
        )
    if ranking.n_left_out:
        say(f"seeds left out because a value is missing: {ranking.n_left_out}")
    for line in comparison.absent:
        say(f"absent: {line}")


def _sheet(board: Leaderboard, frame: pd.DataFrame, options: BoardOptions, directions: Directions | None) -> Sheet:
    """Return the sheet of one dataset, with "n of N" seeds instead of the status."""
    from dataclasses import replace

    from mobench.reports.tables import column_sets
    from mobench.reports.tables.sheet import Cell, sheet

    columns = list(options.columns) or [
        name
        for name in column_sets.informative(frame, column_sets.WIDE if options.is_wide else column_sets.BOARD)
        if name != "dataset"
    ]
    table = sheet(frame, columns, directions=directions)
    if not (options.columns or options.is_wide):
        table = _without_spread(table, [c.name for c in table.columns if c.statistic == "median"])
    if options.columns or "status" not in columns:
        return table
    place = columns.index("status")
    n_seeds = _numbers_of_seeds(board)
    texts = [
        "imported" if row["status"] == "imported" else f"{row['seeds']} of {n_seeds.get(row['dataset'], row['seeds'])}"
        for row in frame.to_dict("records")
    ]
    rows = tuple((*row[:place], Cell(text), *row[place + 1 :]) for row, text in zip(table.rows, texts, strict=True))
    heading = replace(table.columns[place], name="seeds")
    shown_columns = (*table.columns[:place], heading, *table.columns[place + 1 :])
    return replace(table, columns=shown_columns, blocks=(replace(table.blocks[0], rows=rows),))


def _numbers_of_seeds(board: Leaderboard) -> dict[Any, int]:
    if board.measured is None:
        return {}
    trained = board.measured[~board.measured["imported"]]
    return {dataset: int(n) for dataset, n in trained.groupby("dataset")["seed"].nunique().items()}


def _without_spread(table: Sheet, names: Sequence[str] | None = None) -> Sheet:
    """Return the sheet without intervals and ranges of some columns, by default of all."""
    from dataclasses import replace

    hidden = [names is None or c.name in names for c in table.columns]

    def cells(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
        return tuple(replace(c, half="", low="", high="") if h else c for c, h in zip(row, hidden, strict=True))

    return replace(table, blocks=tuple(replace(b, rows=tuple(map(cells, b.rows))) for b in table.blocks))


def _print_sheet(table: Sheet, title: str, options: BoardOptions) -> None:
    """Print a sheet of at most the terminal's width; with `is_wide`, every row in one line.

    The best value of a column is bold and has an asterisk. The last columns of numbers are left out, and named, where
    they do not fit; text wraps.
    """
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    view = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    cells = [[_text(row[j]) for row in table.rows] for j in range(len(table.columns))]
    widths = [max((cell.cell_len for cell in column), default=0) for column in cells]
    headings = [Text(_heading(c.title, width)) for c, width in zip(table.columns, widths, strict=True)]
    widths = [max(w, *(line.cell_len for line in head.split())) for w, head in zip(widths, headings, strict=True)]
    width = sum(widths) + 2 * len(widths) if options.is_wide else terminal_width()
    places = list(range(len(widths))) if options.is_wide else _fitting(table, widths, width)
    for j in places:
        is_text = table.columns[j].text and table.columns[j].name != "rank"
        # only text wraps: a number in two lines would be misread
        view.add_column(
            headings[j], justify="left" if table.columns[j].text else "right", no_wrap=not is_text, overflow="fold",
            min_width=min(MIN_TEXT, widths[j]) if is_text else widths[j],
        )  # fmt: skip
    for i in range(len(table.rows)):
        view.add_row(*(cells[j][i] for j in places))
    for part, part_width in ((Text(printable(title), style="bold"), terminal_width()), (view, width)):
        Console(file=raw(sys.stdout), width=part_width, highlight=False).print(part)
    if len(places) < len(widths):
        missing = ", ".join(c.name for j, c in enumerate(table.columns) if j not in places)
        _print_wrapped(f"not shown at this width: {missing} (--wide shows every column)")


def _fitting(table: Sheet, widths: Sequence[int], width: int) -> list[int]:
    """Return the places of the columns that fit a width: all, or all but the last ones with numbers."""
    least = [min(MIN_TEXT, w) if c.text else w for c, w in zip(table.columns, widths, strict=True)]
    places = list(range(len(widths)))
    numbers = [j for j in places if not table.columns[j].text]
    while sum(least[j] + 2 for j in places) > width and len(numbers) > 1:
        places.remove(numbers.pop())
    return places


def terminal_width() -> int:
    """Return the number of columns of the terminal; `WIDTH` where the output is no terminal."""
    return shutil.get_terminal_size((WIDTH, 24)).columns


def _text(cell: Cell) -> Text:
    from rich.text import Text

    is_best = cell.mark == "best"
    return Text(printable(f"{BEST if is_best else ''}{cell.plain}"), style="bold" if is_best else "")


def _heading(title: str, width: int) -> str:
    """Return a heading in two lines if it is wider than the cells and has several words."""
    name, arrow = (title[:-2], title[-2:]) if title.endswith((" ↑", " ↓")) else (title, "")
    words = printable(name).split(" ")
    if len(words) < 2 or len(title) <= width:
        return printable(name) + arrow
    splits = [(" ".join(words[:i]), " ".join(words[i:]) + arrow) for i in range(1, len(words))]
    return "\n".join(min(splits, key=lambda parts: max(map(len, parts))))


def _legend(table: Sheet) -> list[str]:
    """Return explanations of the signs in a sheet."""
    cells = [cell for row in table.rows for cell in row]
    signs = {
        f"{BEST} is the best value of a column": any(cell.mark == "best" for cell in cells),
        "± is half of the 95 % interval over seeds": any(cell.half for cell in cells),
        "(low–high) is the range of single seeds": any(cell.low for cell in cells),
        "times are medians over seeds": any(c.statistic == "median" and c.unit for c in table.columns),
    }
    return ["; ".join(text for text, is_used in signs.items() if is_used)]


def _print_sentence(sentence: str) -> None:
    if sentence:
        _print_wrapped(sentence)
        say("")


def _print_note(kind: str, text: str) -> None:
    _print_wrapped(f"{kind}: {one_line(text, 2000)}")


def _print_wrapped(text: str) -> None:
    """Print a text in lines of at most the terminal's width; in one line where the output is no terminal."""
    if not sys.stdout.isatty():
        say(text)
        return
    from rich.console import Console
    from rich.text import Text

    Console(file=raw(sys.stdout), width=terminal_width(), highlight=False).print(Text(printable(text)), overflow="fold")
