"""A leaderboard as text, the same to the byte for the same records."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mobench.errors import OptionError, StoreError, nearest
from mobench.reports.leaderboard import Leaderboard, is_missing
from mobench.runs.store import write_whole
from mobench.text import printable

SHORT = (
    "dataset", "rank", "solver", "seeds", "hypervolume", "hypervolume at equal K", "IGD+", "non-uniformity",
    "controllability", "training s", "nets", "stored parameters", "switch ms", "status",
)  # fmt: skip


def to_markdown(board: Leaderboard, columns: Sequence[str] = (), decimals: int = 3) -> str:
    """A Markdown table with notes below; a column with an interval is one cell, "mean ± half width"."""
    chosen = _choose(board, columns) if columns else [c for c in board.table.columns if not c.endswith(" ±")]
    lines = [markdown(chosen, cells_of(board, chosen, decimals)).rstrip("\n")]
    for title, items in (("Notes", board.notes), ("Left out", board.left_out)):
        if items:
            lines += ["", f"{title}:", "", *(f"- {_escape(item)}" for item in items)]
    return "\n".join(lines) + "\n"


def to_csv(board: Leaderboard, columns: Sequence[str] = (), decimals: int | None = None) -> str:
    """The table as CSV, intervals in columns of their own, every digit unless `decimals` is given."""
    table = board.table[_choose(board, columns)] if columns else board.table
    table = table.map(lambda cell: printable(cell) if isinstance(cell, str) else cell)
    text: str = table.to_csv(
        index=False, lineterminator="\n", float_format=None if decimals is None else f"%.{decimals}f"
    )
    return text


FORMATS: dict[str, Callable[..., str]] = {"md": to_markdown, "csv": to_csv}


def export(
    board: Leaderboard,
    folder: Path,
    formats: Sequence[str] = tuple(FORMATS),
    columns: Sequence[str] = (),
    decimals: int | None = None,
) -> list[Path]:
    """Write leaderboard.<format> into a folder, each file whole or not at all.

    Raises: OptionError for an unknown format or column, StoreError.
    """
    for name in formats:
        if name not in FORMATS:
            raise OptionError(f"no table format is called {name!r}; accepted: {', '.join(FORMATS)}")
    given = {} if decimals is None else {"decimals": decimals}
    return write_texts(folder, {f"leaderboard.{name}": FORMATS[name](board, columns, **given) for name in formats})


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Write files into a folder, name -> content, each whole or not at all. Raises: StoreError."""
    paths = {folder / name: text for name, text in texts.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, text in paths.items():
            write_whole(path, text.encode())
    except OSError as error:
        raise StoreError(f"tables cannot be written to {folder}: {error.strerror or error}") from error
    return list(paths)


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [
        _line([_escape(name) for name in names]),
        _line(["---"] * len(names)),
        *(_line([_escape(cell) for cell in row]) for row in rows),
    ]
    return "\n".join(lines) + "\n"


def cells_of(board: Leaderboard, columns: Sequence[str], decimals: int = 3) -> list[list[str]]:
    """The cells of each row, as people read them."""
    rows = board.table.to_dict("records")
    return [[_cell(row, column, decimals) for column in columns] for row in rows]


def _choose(board: Leaderboard, columns: Sequence[str]) -> list[str]:
    known = [str(c) for c in board.table.columns]
    for column in columns:
        if column not in known:
            hint = nearest(column, known) or f"; accepted: {', '.join(known)}"
            raise OptionError(f"the leaderboard has no column {column!r}{hint}")
    return list(columns)


def _cell(row: dict[Any, Any], column: str, decimals: int) -> str:
    value = row[column]
    if is_missing(value):
        return "–"
    half = row.get(f"{column} ±")
    text = number(value, decimals)
    return text if half is None or is_missing(half) else f"{text} ± {number(half, decimals)}"


def number(value: Any, decimals: int = 3) -> str:
    """A value as people read it: whole numbers with thousands set apart, small ones in powers of ten."""
    if isinstance(value, str):
        return value
    if float(value).is_integer():
        return f"{int(value):,}"
    if math.isfinite(value) and 0 < abs(value) < 10 ** (1 - decimals):
        return f"{value:.{max(0, decimals - 2)}e}"
    return f"{value:.{decimals}f}"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escape(cell: str) -> str:
    """A cell that cannot end its cell, its row, or begin markup."""
    shown = printable(" ".join(cell.split()))
    harmless = shown.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
    return harmless.replace("](", "]\\(")
