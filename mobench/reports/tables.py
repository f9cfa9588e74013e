"""A leaderboard as files, the same to the byte for the same records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError, StoreError, nearest
from mobench.reports import tidy
from mobench.reports.columns import HALF, directions_of
from mobench.reports.leaderboard import Leaderboard, is_missing
from mobench.reports.sheet import Digits, Sheet, explained, sheet
from mobench.reports.writers import frames, latex, page
from mobench.reports.writers import markdown as markdown_writer
from mobench.runs.record import Record
from mobench.runs.store import write_whole

if TYPE_CHECKING:
    import pandas as pd

SHORT = (
    "dataset", "rank", "solver", "seeds", "hypervolume", "hypervolume at equal K", "IGD+", "non-uniformity",
    "controllability", "training s", "nets", "stored parameters", "switch ms", "status",
)  # fmt: skip

MAIN = (
    "dataset", "solver", "rank", "hypervolume", "hypervolume at equal K", "non-uniformity", "training s",
    "stored parameters",
)  # fmt: skip
"""What fits across a page."""


@dataclass(frozen=True)
class Wanted:
    """What of a leaderboard is to be written, and how.

    columns:  in their order; empty: every column, in LaTeX those of MAIN that have a value.
    datasets, solvers: rows to keep; empty: all. A solver's name stands for all its sets of options.
    caption, label: of the table. standalone: LaTeX as a document of its own.
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
    """What the writers of all formats take: values as a frame, and the same as people read them.

    seeds, estimates: the long forms, made when a format asks for them.
    """

    frame: pd.DataFrame
    sheet: Sheet
    narrow: Sheet
    wanted: Wanted
    seeds: Callable[[], pd.DataFrame] | None = None
    estimates: Callable[[], pd.DataFrame] | None = None


def content(board: Leaderboard, records: Sequence[Record] = (), wanted: Wanted | None = None) -> Content:
    """The chosen rows and columns of a leaderboard.

    records: those that it was made from; without them metrics have no direction, and there are no long forms.

    Raises: OptionError for a column, dataset or solver that is not there.
    """
    wanted = wanted or Wanted()
    frame = chosen_rows(board.table, wanted)
    every = [str(c) for c in board.table.columns if not str(c).endswith(HALF)]
    _check("column", wanted.columns, [str(c) for c in board.table.columns])
    columns = list(wanted.columns) or every
    narrow = list(wanted.columns) or _main(frame)
    made = partial(
        sheet, frame, directions=directions_of(records), digits=wanted.digits, caption=wanted.caption,
        label=wanted.label, notes=[*board.notes, *(f"left out: {line}" for line in board.left_out)],
    )  # fmt: skip
    return Content(
        _with_halves(frame, wanted.columns), made(columns), made(narrow), wanted,
        lambda: _kept(tidy.seeds(records), frame), lambda: _kept(tidy.estimates(board, records), frame),
    )  # fmt: skip


def to_markdown(board: Leaderboard, columns: Sequence[str] = (), decimals: int | None = None) -> str:
    """A Markdown table with notes below; a column with an interval is one cell, "mean ± half width"."""
    return _markdown(content(board, wanted=Wanted(columns, digits=Digits(decimals))))


def to_csv(board: Leaderboard, columns: Sequence[str] = (), decimals: int | None = None) -> str:
    """The table as CSV, intervals in columns of their own, every digit unless `decimals` is given."""
    return _csv(content(board, wanted=Wanted(columns, digits=Digits(decimals))))


def _markdown(made: Content) -> str:
    return markdown_writer.write(made.sheet)


def _csv(made: Content) -> str:
    return frames.csv(made.frame, made.wanted.digits.decimals)


def _latex(made: Content) -> str:
    return latex.write(_explained(made.narrow), made.wanted.standalone)


def _html(made: Content) -> str:
    return page.write(_explained(made.sheet))


def _parquet(made: Content) -> bytes:
    return frames.parquet(made.frame, made.wanted.caption)


def _tidy_csv(made: Content) -> str:
    return frames.csv(_long(made.estimates, "tidy.csv"))


def _seeds_csv(made: Content) -> str:
    return frames.csv(_long(made.seeds, "seeds.csv"))


FORMATS: Mapping[str, Callable[[Content], str | bytes]] = {
    "md": _markdown, "csv": _csv, "tidy.csv": _tidy_csv, "seeds.csv": _seeds_csv, "tex": _latex, "html": _html,
    "parquet": _parquet,
}  # fmt: skip
"""Ending of a file's name -> its writer. CSV and Parquet have every digit; tidy.csv has one row per solver,
dataset and quantity, seeds.csv one per seed as well; LaTeX and HTML mark the best and explain their marks."""


def export(
    board: Leaderboard,
    folder: Path,
    formats: Sequence[str] = ("md", "csv"),
    records: Sequence[Record] = (),
    wanted: Wanted | None = None,
) -> list[Path]:
    """Write leaderboard.<format> into a folder, each file whole or not at all.

    Raises: OptionError for an unknown format, column, dataset or solver; StoreError.
    """
    check_formats(formats)
    return write_content(content(board, records, wanted), "leaderboard", folder, formats)


def check_formats(formats: Sequence[str], also: Sequence[str] = ()) -> None:
    """Raise OptionError for a format that there is none of. also: others that a command takes."""
    for name in formats:
        if name not in FORMATS:
            raise OptionError(f"no table format is called {name!r}; accepted: {', '.join([*FORMATS, *also])}")


def write_content(made: Content, stem: str, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Write <stem>.<format> for each format. Raises: OptionError, StoreError."""
    return write_texts(folder, {f"{stem}.{name}": FORMATS[name](made) for name in formats})


def write_texts(folder: Path, texts: Mapping[str, str | bytes]) -> list[Path]:
    """Write files into a folder, name -> content, each whole or not at all. Raises: StoreError."""
    paths = {folder / name: text for name, text in texts.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            write_whole(path, text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise StoreError(f"tables cannot be written to {folder}: {error.strerror or error}") from error
    return list(paths)


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return markdown_writer.table(names, rows)


def cells_of(board: Leaderboard, columns: Sequence[str], digits: Digits | None = None) -> list[list[str]]:
    """The cells of each row, as people read them."""
    return [[cell.plain for cell in row] for row in sheet(board.table, columns, digits=digits).rows]


def number(value: Any, decimals: int = 3) -> str:
    """A value as people read it, where no column says how: whole numbers with thousands set apart."""
    from mobench.reports.sheet import number as printed

    if isinstance(value, str):
        return value
    return printed(float(value), 0 if float(value).is_integer() else decimals)


def chosen_rows(table: pd.DataFrame, wanted: Wanted) -> pd.DataFrame:
    """The rows of the wanted datasets and solvers. Raises: OptionError for one that is not there."""
    solvers = [str(s) for s in table["solver"]]
    names = [s.partition(" (")[0] for s in solvers]
    _check("dataset", wanted.datasets, [str(d) for d in table["dataset"]])
    _check("solver", wanted.solvers, [*solvers, *names])
    keep = [
        (not wanted.datasets or dataset in wanted.datasets)
        and (not wanted.solvers or solver in wanted.solvers or name in wanted.solvers)
        for dataset, solver, name in zip(table["dataset"], solvers, names, strict=True)
    ]
    return table[keep].reset_index(drop=True)


def _main(frame: pd.DataFrame) -> list[str]:
    """The columns of MAIN that say something here."""
    there = [c for c in MAIN if c in frame.columns and not all(map(is_missing, frame[c]))]
    return [c for c in there if c != "dataset" or frame[c].nunique() > 1]


def _check(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            accepted = list(dict.fromkeys(known))
            hint = nearest(name, accepted) or f"; accepted: {', '.join(accepted)}"
            raise OptionError(f"the leaderboard has no {what} {name!r}{hint}")


def _with_halves(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The chosen columns, each with its intervals beside it; all of them where none is chosen."""
    if not columns:
        return frame
    both = (n for name in columns for n in (name, name + HALF))
    return frame[[n for n in dict.fromkeys(both) if n in frame.columns]]


def _kept(long: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a long form whose dataset, model and solver a frame has."""
    keys = ["dataset", "model", "solver"]
    shown = set(map(tuple, frame[keys].to_numpy().tolist()))
    return long[[key in shown for key in map(tuple, long[keys].to_numpy().tolist())]]


def _long(made: Callable[[], pd.DataFrame] | None, name: str) -> pd.DataFrame:
    if made is None:
        raise OptionError(f"this table has no {name}: it is written for leaderboards alone")
    return made()


def _explained(table: Sheet) -> Sheet:
    return replace(table, notes=(*explained(table), *table.notes))
