"""Printed form of a table before formatting: headings, rounded cells, and marks for the best values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mobench.reports.analysis.leaderboard import is_missing
from mobench.reports.tables.columns import HALF, Column, Directions, column

if TYPE_CHECKING:
    import pandas as pd

Mark = Literal["", "best", "second"]
MISSING = "–"


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    text: the printed value.
    half: the printed half width of its interval, or "".
    mark: whether the value is the best or the second best of its column.
    """

    text: str
    half: str = ""
    mark: Mark = ""

    @property
    def plain(self) -> str:
        return f"{self.text} ± {self.half}" if self.half else self.text


@dataclass(frozen=True)
class Block:
    """A group of rows with an optional heading above them."""

    rows: tuple[tuple[Cell, ...], ...]
    heading: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table that is independent of its format. Every row has one cell per column."""

    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    caption: str = ""
    label: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        return [row for block in self.blocks for row in block.rows]


@dataclass(frozen=True)
class Digits:
    """How numbers are printed: with `decimals`, with `significant` digits, or by default as the column says."""

    decimals: int | None = None
    significant: int | None = None

    def cell(self, value: Any, half: Any, col: Column) -> Cell:
        """Return the cell of a value; `half` is its half width, or missing."""
        if is_missing(value):
            return Cell(MISSING)
        if isinstance(value, str):
            return Cell(value)
        decimals = self._decimals(float(value), col)
        if self.significant is not None and 0 < abs(value) < 1e-4:
            spec = f".{self.significant - 1}e"
            return Cell(format(float(value), spec), "" if is_missing(half) else format(float(half), spec))
        return Cell(printed_as(float(value), decimals), "" if is_missing(half) else _half(float(half), decimals))

    def _decimals(self, value: float, col: Column) -> int:
        if self.significant is not None and value and math.isfinite(value):
            return self.significant - 1 - math.floor(math.log10(abs(value)))
        if self.decimals is not None and col.decimals > 0:
            return self.decimals
        return col.decimals


def printed_as(value: float, decimals: int) -> str:
    """Return a number printed with `decimals` digits; small numbers are printed in scientific notation.

    Negative decimals round to the left of the decimal point. Thousands are separated by commas.
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if decimals < 0:
        return f"{round(value, decimals):,.0f}"
    if 0 < abs(value) < 10 ** (1 - decimals) and decimals > 1:
        return f"{value:.{max(0, decimals - 2)}e}"
    text = f"{value:,.{decimals}f}"
    return text if text.strip("-0.") else text.removeprefix("-")  # no negative zero


def _half(value: float, decimals: int) -> str:
    """Return a half width with the digits of its value, or in scientific notation if it would be printed as zero."""
    text = f"{value:,.{max(0, decimals)}f}"
    return text if value == 0 or printed(Cell(text)) else f"{value:.1e}"


def sheet(
    frame: pd.DataFrame,
    columns: Sequence[str | Column],
    *,
    directions: Directions | None = None,
    digits: Digits | None = None,
    group: Sequence[str] = ("dataset",),
    marks: bool = True,
    caption: str = "",
    label: str = "",
    notes: Sequence[str] = (),
) -> Sheet:
    """Return the columns of a frame as a sheet; rows that agree in `group` form a block.

    columns: names of columns in the catalogue, or `Column` objects.
    marks:   whether the best and second-best values of each block are marked.

    Half widths are taken from the column `name + HALF` of the frame. Rows with a "status" other than "complete" are
    never marked.
    """
    digits = digits or Digits()
    blocks = []
    for rows in _grouped(frame.to_dict("records"), group):
        cols = [_described(name, str(rows[0].get("dataset", "")), directions) for name in columns]
        cells = [[digits.cell(row[c.name], row.get(c.name + HALF), c) for c in cols] for row in rows]
        complete = [row.get("status", "complete") == "complete" for row in rows]
        blocks.append(Block(tuple(map(tuple, marked(cells, cols, complete) if marks else cells))))
    heads = tuple(_heading(name, frame, directions) for name in columns)
    return Sheet(heads, tuple(blocks), caption, label, tuple(notes))


def marked(cells: Sequence[Sequence[Cell]], columns: Sequence[Column], complete: Sequence[bool]) -> list[list[Cell]]:
    """Return the cells with the best and second-best values of each column marked.

    Printed values are compared: cells with equal text are equally good and are all marked. A column in which all
    complete rows are equal has no best value.
    """
    out = [list(row) for row in cells]
    for j, col in enumerate(columns):
        if not col.better:
            continue
        places = [i for i, is_complete in enumerate(complete) if is_complete and printed(out[i][j]) is not None]
        order = sorted({printed(out[i][j]) or 0.0 for i in places}, reverse=col.better == "higher")
        if len(order) < 2:
            continue
        for i in places:
            place = order.index(printed(out[i][j]) or 0.0)
            if place < 2:
                out[i][j] = replace(out[i][j], mark="best" if place == 0 else "second")
    return out


def printed(cell: Cell) -> float | None:
    """Return the number that a cell shows; None if it shows none."""
    text = cell.text.replace(",", "").replace("∞", "inf")
    try:
        return float(text)
    except ValueError:
        return None


def explained(table: Sheet) -> list[str]:
    """Return notes that explain the marks and intervals of a table, if it has them."""
    cells = [cell for row in table.rows for cell in row]
    notes = []
    if any(cell.half for cell in cells):
        notes.append("± is half of the 95 % interval over seeds.")
    if any(cell.mark for cell in cells):
        notes.append(_of_marks(table))
    return notes


def _of_marks(table: Sheet) -> str:
    verdicts = [_clear(block, j) for block in table.blocks for j in range(len(table.columns))]
    decided = [verdict for verdict in verdicts if verdict is not None]
    text = "Best and second are by the printed value, within each dataset."
    if not decided:
        return f"{text} Where no interval is shown, the order may be chance."
    clear = sum(decided)
    return (
        f"{text} The interval of the best is clear of every other in {clear} of {len(decided)} comparisons that have "
        "intervals; elsewhere the order may be chance."
    )


def _clear(block: Block, j: int) -> bool | None:
    """Return whether the best value's interval overlaps no other; None without a best value or interval."""
    intervals = [_interval(row[j]) for row in block.rows]
    best = [span for row, span in zip(block.rows, intervals, strict=True) if row[j].mark == "best"]
    if not best or any(span is None for span in best):
        return None
    other_intervals = [span for row, span in zip(block.rows, intervals, strict=True) if row[j].mark != "best"]
    spans = [span for span in other_intervals if span is not None]
    return len(best) == 1 and all(low > best[0][1] or high < best[0][0] for low, high in spans if best[0] is not None)


def _interval(cell: Cell) -> tuple[float, float] | None:
    value, half = printed(cell), printed(Cell(cell.half))
    return None if value is None or half is None else (value - half, value + half)


def _grouped(rows: Sequence[dict[Any, Any]], group: Sequence[str]) -> list[list[dict[Any, Any]]]:
    blocks: dict[tuple[Any, ...], list[dict[Any, Any]]] = {}
    for row in rows:
        blocks.setdefault(tuple(row.get(name) for name in group), []).append(row)
    return list(blocks.values())


def _described(name: str | Column, dataset: str, directions: Directions | None) -> Column:
    return column(name, dataset, directions) if isinstance(name, str) else name


def _heading(name: str | Column, frame: pd.DataFrame, directions: Directions | None) -> Column:
    """Return the column for its heading; it has a direction only if all datasets agree on it."""
    datasets = [str(d) for d in dict.fromkeys(frame["dataset"])] if "dataset" in frame else []
    headings = [_described(name, d, directions) for d in datasets or [""]]
    return headings[0] if len({c.better for c in headings}) == 1 else replace(headings[0], better="")
