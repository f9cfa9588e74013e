"""Content of a table, independent of its format: rows, columns, digits and caption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mobench.errors import OptionError
from mobench.records.outline import Measured
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.analysis.note import notes_about
from mobench.reports.analysis.notes import FINE
from mobench.reports.tables import column_sets, tidy
from mobench.reports.tables.columns import HALF, HIGH, LOW, Column, column, directions_of, is_spread
from mobench.reports.tables.sheet import Digits, Sheet, sheet
from mobench.reports.tables.table_widths import PaperWidth, fitted
from mobench.text import name_hint

if TYPE_CHECKING:
    import pandas as pd

WIDTHS: Mapping[PaperWidth, Sequence[str]] = {"column": column_sets.PAPER_COLUMN, "page": column_sets.PAPER_PAGE}
"""Width of a LaTeX table -> its default columns."""


@dataclass(frozen=True)
class Wanted:
    """Options of a table: which parts of a leaderboard are written, and how.

    columns:  columns in their order; if empty, every column (in LaTeX, those of `WIDTHS` that carry information).
    datasets, solvers: rows to keep; if empty, all. The name of a solver selects all its sets of options.
    digits:   how numbers are printed.
    caption, label: caption and label of the table; by default those of its kind.
    standalone: whether LaTeX is written as a complete document.
    width:    what the LaTeX table fits: the column of a page in two columns, or the page.
    """

    columns: Sequence[str] = ()
    datasets: Sequence[str] = ()
    solvers: Sequence[str] = ()
    digits: Digits = field(default_factory=Digits)
    caption: str = ""
    label: str = ""
    standalone: bool = False
    width: PaperWidth = "page"


@dataclass(frozen=True)
class Content:
    """Input of the writers of all formats.

    frame:  the values.
    sheet:  the same values as printed cells.
    narrow: the columns of `sheet` for the width of a LaTeX table, always with a caption and a label.
    wanted: the options of the table.
    seeds, estimates: functions that make the long forms on demand; None if the table has none.
    """

    frame: pd.DataFrame
    sheet: Sheet
    narrow: Sheet
    wanted: Wanted
    seeds: Callable[[], pd.DataFrame] | None = None
    estimates: Callable[[], pd.DataFrame] | None = None


def content(board: Leaderboard, records: Sequence[Measured] = (), selection: Wanted | None = None) -> Content:
    """Return the content of a leaderboard table with the chosen rows and columns.

    records: the records of the leaderboard; without them metrics have no direction and no best value is marked.

    Raises: OptionError for a column, dataset or solver that does not exist.
    """
    selection = selection or Wanted()
    frame = chosen_rows(board.table, selection)
    all_columns = [str(c) for c in board.table.columns if not is_spread(str(c))]
    check_known("column", selection.columns, [str(c) for c in board.table.columns])
    columns = list(selection.columns) or all_columns
    table = sheet(
        frame, columns, directions=directions_of(records), digits=selection.digits, caption=selection.caption,
        label=selection.label, notes=notes_of(board, columns),
    )  # fmt: skip
    return Content(
        with_spread(frame, selection.columns), table, _narrow(board, records, frame, selection), selection,
        lambda: kept_rows(tidy.seeds(board), frame),
        lambda: kept_rows(tidy.estimates(board, directions_of(records)), frame),
    )  # fmt: skip


def _narrow(board: Leaderboard, records: Sequence[Measured], frame: pd.DataFrame, selection: Wanted) -> Sheet:
    """Return the sheet of a LaTeX table; if no columns are chosen, those that fit, with a heading for each dataset."""
    columns = list(selection.columns) or column_sets.informative(frame, WIDTHS[selection.width])
    is_headed = "dataset" in columns and not selection.columns
    columns = [name for name in columns if name != "dataset" or not is_headed]
    table = sheet(
        frame, columns, directions=directions_of(records), digits=selection.digits,
        label=selection.label or DEFAULT_LABEL, is_headed=is_headed,
    )  # fmt: skip
    table = table if selection.columns else fitted(table, selection.width)
    shown = [col.name for col in table.columns]
    caption = selection.caption or default_caption(frame, shown)
    return replace(table, caption=caption, notes=tuple(notes_of(board, shown)))


DEFAULT_LABEL = "tab:leaderboard"


def default_caption(frame: pd.DataFrame, columns: Sequence[str]) -> str:
    """Return the caption of a table without one: its quantities, datasets and seeds."""
    datasets = list(dict.fromkeys(map(str, frame["dataset"]))) if "dataset" in frame else []
    quantities = [column(name).name for name in columns if not column(name).text and name != "seeds"]
    seeds = int(frame["seeds"].max()) if "seeds" in frame and len(frame) else 0
    on = f" on {', '.join(datasets)}" if 0 < len(datasets) <= 3 else f" on {len(datasets)} datasets" if datasets else ""
    over = f", over {seeds} seeds" if seeds > 1 else ", with one seed" if seeds else ""
    text = f"{', '.join(quantities) or 'Solvers'}{on}{over}."
    return text[0].upper() + text[1:]


def content_of(
    frame: pd.DataFrame,
    names: Sequence[str],
    described: Mapping[str, Column],
    selection: Wanted,
    *,
    caption: str,
    notes: Sequence[str],
    group: Sequence[str] = ("dataset",),
    seeds: Callable[[], pd.DataFrame],
    estimates: Callable[[], pd.DataFrame],
    rows: pd.DataFrame | None = None,
    quantities: Sequence[str] = (),
) -> Content:
    """Return the content of a table whose sheet is the same in every format.

    names:     columns of the sheet, from which `selection` chooses.
    described: descriptions of the columns that are not in the catalogue.
    caption:   default caption.
    group:     columns whose values separate groups of rows.
    seeds, estimates: functions that make the long forms.
    quantities: names of leaderboard columns that the table shows under other names; notes about them are kept.
    rows:      frame whose datasets, models and solvers are kept in the long forms; by default `frame`.

    Raises: OptionError for a column that does not exist.
    """
    columns = [described.get(name, name) for name in chosen_columns(names, selection)]
    names = [name if isinstance(name, str) else name.name for name in columns]
    table = sheet(
        frame, columns, digits=selection.digits, group=group, caption=selection.caption or caption,
        label=selection.label, notes=notes_about(notes, [*names, *quantities]),
    )  # fmt: skip
    rows = frame if rows is None else rows
    return Content(
        with_spread(frame, selection.columns), table,
        fitted(replace(table, label=table.label or DEFAULT_LABEL), selection.width, may_drop_columns=False), selection,
        lambda: kept_rows(seeds(), rows), lambda: kept_rows(estimates(), rows),
    )  # fmt: skip


def judged_records(board: Leaderboard, records: Iterable[Record]) -> list[Record]:
    """Return the completed records of a leaderboard; imported ones have no checks and no accuracies of their own."""
    ids = set() if board.measured is None else set(board.measured["id"])
    return [r for r in records if r.id in ids and r.status == "completed" and r.imported is None]


def status_if_incomplete(frame: pd.DataFrame) -> list[str]:
    """Return ["status"] if a row of the frame is incomplete, else []."""
    return [] if (frame["status"] == "complete").all() else ["status"]


def notes_of(board: Leaderboard, columns: Sequence[str] | None = None) -> list[str]:
    """Return the notes of a table: those of the leaderboard about its columns, then the records left out.

    columns: the columns that the table shows; None for all notes.
    """
    notes = board.notes if columns is None else notes_about(board.notes, columns)
    return [*notes, *(f"left out: {line}" for line in board.left_out)]


def chosen_rows(table: pd.DataFrame, selection: Wanted) -> pd.DataFrame:
    """Return the rows of the wanted datasets and solvers. Raises: OptionError for one that does not exist."""
    solvers = [str(s) for s in table["solver"]]
    names = [s.partition(" (")[0] for s in solvers]
    check_known("dataset", selection.datasets, [str(d) for d in table["dataset"]])
    check_known("solver", selection.solvers, [*solvers, *names])
    keep = [
        (not selection.datasets or dataset in selection.datasets)
        and (not selection.solvers or solver in selection.solvers or name in selection.solvers)
        for dataset, solver, name in zip(table["dataset"], solvers, names, strict=True)
    ]
    return table[keep].reset_index(drop=True)


def chosen_columns(names: Sequence[str], selection: Wanted) -> list[str]:
    """Return the wanted columns of a table, by default all. Raises: OptionError for one that does not exist."""
    check_known("column", selection.columns, names, "table")
    return list(selection.columns or names)


def check_known(category: str, names: Sequence[str], accepted_names: Sequence[str], place: str = "leaderboard") -> None:
    """Raise OptionError for an unknown name, with the nearest known one."""
    for name in names:
        if name not in accepted_names:
            raise OptionError(f"the {place} has no {category} {name!r}{name_hint(name, accepted_names)}")


def kept_rows(long: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of a long form whose dataset, model and solver are in a frame."""
    shown = set(map(tuple, frame[tidy.KEYS].to_numpy().tolist()))
    return long[[key in shown for key in map(tuple, long[tidy.KEYS].to_numpy().tolist())]]


def with_spread(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the chosen columns with their half widths and ranges, by default all columns.

    "status" is added if a row lacks seeds, because a frame has no notes.
    """
    if not columns:
        return frame
    late = ["status"] if "status" in frame and not frame["status"].isin(FINE).all() else []
    named = (n for name in columns for n in (name, name + HALF, name + LOW, name + HIGH))
    return frame[[n for n in dict.fromkeys([*named, *late]) if n in frame.columns]]
