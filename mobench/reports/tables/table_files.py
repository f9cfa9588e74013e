"""Tables as files; the same records give the same bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError, StoreError
from mobench.files import write_whole
from mobench.records.record import Record
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.tables.content import Content, Wanted, content
from mobench.reports.tables.sheet import Digits, Sheet, explained, printed_as
from mobench.reports.tables.writers import frames, latex, page
from mobench.reports.tables.writers import markdown as markdown_writer

if TYPE_CHECKING:
    import pandas as pd


def to_markdown(board: Leaderboard, columns: Sequence[str] = (), decimals: int | None = None) -> str:
    """Return a Markdown table followed by notes.

    A value shares a cell with its interval or range: "mean ± half width" or "value (low–high)".
    """
    return _markdown(content(board, selection=Wanted(columns, digits=Digits(decimals))))


def to_csv(board: Leaderboard, columns: Sequence[str] = (), decimals: int | None = None) -> str:
    """Return the table as CSV: half widths and ranges in separate columns, all digits unless `decimals` is given."""
    return _csv(content(board, selection=Wanted(columns, digits=Digits(decimals))))


def _markdown(table: Content) -> str:
    return markdown_writer.write(table.sheet)


def _csv(table: Content) -> str:
    return frames.csv(table.frame, table.wanted.digits.decimals)


def _latex(table: Content) -> str:
    return latex.write(_explained(table.narrow), table.wanted.standalone, table.wanted.width)


def _html(table: Content) -> str:
    return page.write(_explained(table.sheet))


def _parquet(table: Content) -> bytes:
    return frames.parquet(table.frame, table.sheet.caption)


def _tidy_csv(table: Content) -> str:
    return frames.csv(_long(table.estimates, "tidy.csv"))


def _seeds_csv(table: Content) -> str:
    return frames.csv(_long(table.seeds, "seeds.csv"))


FORMATS: Mapping[str, Callable[[Content], str | bytes]] = {
    "md": _markdown, "csv": _csv, "tidy.csv": _tidy_csv, "seeds.csv": _seeds_csv, "tex": _latex, "html": _html,
    "parquet": _parquet,
}  # fmt: skip
"""File extension -> writer.

CSV and Parquet have all digits. tidy.csv has one row per solver, dataset and quantity; seeds.csv has one row per seed
of these. LaTeX and HTML mark the best values and explain the marks."""


def export(
    board: Leaderboard,
    folder: Path,
    formats: Sequence[str] = ("md", "csv"),
    records: Sequence[Record] = (),
    selection: Wanted | None = None,
) -> list[Path]:
    """Write leaderboard.<format> into a folder; each file is written atomically.

    Raises: OptionError for an unknown format, column, dataset or solver; StoreError.
    """
    check_formats(formats)
    return write_texts(folder, texts(content(board, records, selection), "leaderboard", formats))


def check_formats(formats: Sequence[str], other_formats: Iterable[str] = ()) -> None:
    """Raise OptionError for a format that is neither in FORMATS nor in `other_formats`."""
    accepted = [*FORMATS, *other_formats]
    for name in formats:
        if name not in accepted:
            raise OptionError(f"no format is called {name!r}; accepted: {', '.join(accepted)}")


def texts(table: Content, stem: str, formats: Sequence[str]) -> dict[str, str | bytes]:
    """Return <stem>.<format> -> content. Raises: OptionError if the table has no such format."""
    return {f"{stem}.{name}": FORMATS[name](table) for name in formats}


def write_texts(folder: Path, contents: Mapping[str, str | bytes]) -> list[Path]:
    """Write files, given as name -> content, into a folder; each is written atomically. Raises: StoreError."""
    paths = {folder / name: text for name, text in contents.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            write_whole(path, text.encode() if isinstance(text, str) else text)
    except OSError as error:
        raise StoreError(f"tables cannot be written to {folder}: {error.strerror or error}") from error
    return list(paths)


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    return markdown_writer.table(names, rows)


def number(value: Any, decimals: int = 3) -> str:
    """Return a printed value that belongs to no column; whole numbers get thousands separators and no decimals."""
    if isinstance(value, str):
        return value
    return printed_as(float(value), 0 if float(value).is_integer() else decimals)


def _long(make_frame: Callable[[], pd.DataFrame] | None, name: str) -> pd.DataFrame:
    if make_frame is None:
        raise OptionError(f"this table has no {name}: leave that format out, or the table")
    return make_frame()


def _explained(table: Sheet) -> Sheet:
    return replace(table, notes=(*explained(table), *table.notes))
