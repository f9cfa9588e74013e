"""Content of a table, independent of its format: rows, columns, digits and caption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from mobench.errors import OptionError
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import Leaderboard, is_missing
from mobench.reports.analysis.notes import FINE
from mobench.reports.tables import tidy
from mobench.reports.tables.columns import HALF, Column, directions_of
from mobench.reports.tables.sheet import Digits, Sheet, sheet
from mobench.text import name_hint

if TYPE_CHECKING:
    import pandas as pd

MAIN = (
    "dataset", "solver", "rank", "hypervolume", "hypervolume at equal K", "non-uniformity", "training s",
    "stored parameters",
)  # fmt: skip
"""Default columns of LaTeX tables, which fit the width of a page."""


@dataclass(frozen=True)
class Wanted:
    """Options of a table: which parts of a leaderboard are written, and how.

    columns:  columns in their order; if empty, every column (in LaTeX, the columns of MAIN that have a value).
    datasets, solvers: rows to keep; if empty, all. The name of a solver selects all its sets of options.
    digits:   how numbers are printed.
    caption, label: caption and label of the table.
    standalone: whether LaTeX is written as a complete document.
    """

    columns: Sequence[str] = ()
    datasets: Sequence[str] = ()
    solvers: Sequence[str] = ()
    digits: Digits = field(default_factory=Digits)
    caption: str = ""
    label: str = ""
    standalone: bool = False


@dataclass(frozen=True)
class Content:
    """Input of the writers of all formats.

    frame:  the values.
    sheet:  the same values as printed cells.
    narrow: the columns of `sheet` that fit the width of a page.
    wanted: the options of the table.
    seeds, estimates: functions that make the long forms on demand; None if the table has none.
    """

    frame: pd.DataFrame
    sheet: Sheet
    narrow: Sheet
    wanted: Wanted
    seeds: Callable[[], pd.DataFrame] | None = None
    estimates: Callable[[], pd.DataFrame] | None = None


def content(board: Leaderboard, records: Sequence[Record] = (), selection: Wanted | None = None) -> Content:
    """Return the content of a leaderboard table with the chosen rows and columns.

    records: the records of the leaderboard; without them metrics have no direction and no best value is marked.

    Raises: OptionError for a column, dataset or solver that does not exist.
    """
    selection = selection or Wanted()
    frame = chosen_rows(board.table, selection)
    all_columns = [str(c) for c in board.table.columns if not str(c).endswith(HALF)]
    check_known("column", selection.columns, [str(c) for c in board.table.columns])
    make_sheet = partial(
        sheet, frame, directions=directions_of(records), digits=selection.digits, caption=selection.caption,
        label=selection.label, notes=notes_of(board),
    )  # fmt: skip
    return Content(
        with_halves(frame, selection.columns), make_sheet(list(selection.columns) or all_columns),
        make_sheet(list(selection.columns) or _main(frame)), selection,
        lambda: kept_rows(tidy.seeds(board), frame),
        lambda: kept_rows(tidy.estimates(board, directions_of(records)), frame),
    )  # fmt: skip


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
) -> Content:
    """Return the content of a table whose sheet is the same in every format.

    names:     columns of the sheet, from which `selection` chooses.
    described: descriptions of the columns that are not in the catalogue.
    caption:   default caption.
    group:     columns whose values separate groups of rows.
    seeds, estimates: functions that make the long forms.
    rows:      frame whose datasets, models and solvers are kept in the long forms; by default `frame`.

    Raises: OptionError for a column that does not exist.
    """
    columns = [described.get(name, name) for name in chosen_columns(names, selection)]
    table = sheet(
        frame, columns, digits=selection.digits, group=group, caption=selection.caption or caption,
        label=selection.label, notes=notes,
    )  # fmt: skip
    rows = frame if rows is None else rows
    return Content(
        with_halves(frame, selection.columns), table, table, selection,
        lambda: kept_rows(seeds(), rows), lambda: kept_rows(estimates(), rows),
    )  # fmt: skip


def judged_records(board: Leaderboard, records: Iterable[Record]) -> list[Record]:
    """Return the completed records of a leaderboard; imported ones have no checks and no accuracies of their own."""
    ids = set() if board.measured is None else set(board.measured["id"])
    return [r for r in records if r.id in ids and r.status == "completed" and r.imported is None]


def status_if_incomplete(frame: pd.DataFrame) -> list[str]:
    """Return ["status"] if a row of the frame is incomplete, else []."""
    return [] if (frame["status"] == "complete").all() else ["status"]


def notes_of(board: Leaderboard) -> list[str]:
    """Return the notes of a table: the notes of the leaderboard, then the records left out."""
    return [*board.notes, *(f"left out: {line}" for line in board.left_out)]


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


def _main(frame: pd.DataFrame) -> list[str]:
    """Return the columns of MAIN that carry information in a frame."""
    present = [c for c in MAIN if c in frame.columns and not all(map(is_missing, frame[c]))]
    return [c for c in present if c != "dataset" or frame[c].nunique() > 1]


def with_halves(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return the chosen columns with their half widths, by default all columns.

    "status" is added if a row lacks seeds, because a frame has no notes.
    """
    if not columns:
        return frame
    late = ["status"] if "status" in frame and not frame["status"].isin(FINE).all() else []
    both = (n for name in columns for n in (name, name + HALF))
    return frame[[n for n in dict.fromkeys([*both, *late]) if n in frame.columns]]
