"""Printed form of a table before formatting: headings, rounded cells, and marks for the best values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from mobench.reports.analysis.leaderboard import is_missing
from mobench.reports.analysis.statistics import MIN_SEEDS
from mobench.reports.tables.columns import HALF, HIGH, LOW, Column, Directions, column

if TYPE_CHECKING:
    import pandas as pd

Mark = Literal["", "best", "second"]
MARKS: tuple[Mark, Mark] = ("best", "second")
MISSING = "–"
ROUNDING = 1e-12


@dataclass(frozen=True)
class Cell:
    """One cell of a table.

    text: the printed value.
    half: the printed half width of its interval, or "".
    mark: whether the value is the best or the second best of its column.
    low, high: the printed smallest and largest value of a seed, or "".
    """

    text: str
    half: str = ""
    mark: Mark = ""
    low: str = ""
    high: str = ""

    @property
    def spread(self) -> str:
        """The half width with its sign, "± 0.1", or the range, "(1.0–1.2)"; "" if there is neither."""
        if self.half:
            return f"± {self.half}"
        if not self.low:
            return ""
        is_simple = all(c.isdigit() or c in ".," for c in self.low + self.high)
        return f"({self.low}–{self.high})" if is_simple else f"({self.low} to {self.high})"

    @property
    def plain(self) -> str:
        return f"{self.text} {self.spread}".rstrip()


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

    def cell(self, value: Any, half: Any, col: Column, low: Any = None, high: Any = None) -> Cell:
        """Return the cell of a value.

        half: half width of its interval, or missing. low, high: smallest and largest value of a seed, or missing; they
        are shown if there is no half width, unless both are printed as the value.
        """
        if is_missing(value):
            return Cell(MISSING)
        if isinstance(value, str):
            return Cell(value)
        decimals = self._decimals(float(value), col)
        spec = f".{(self.significant or 1) - 1}e"
        is_tiny = self.significant is not None and 0 < abs(value) < 1e-4

        def text(number: float) -> str:
            return format(number, spec) if is_tiny else printed_as(number, decimals)

        shown = text(float(value))
        if not is_missing(half):
            return Cell(shown, format(float(half), spec) if is_tiny else _half(float(half), decimals))
        if is_missing(low) or is_missing(high):
            return Cell(shown)
        edges = text(float(low)), text(float(high))
        return Cell(shown) if edges == (shown, shown) else Cell(shown, low=edges[0], high=edges[1])

    def _decimals(self, value: float, col: Column) -> int:
        if self.significant is not None and value and math.isfinite(value):
            return self.significant - 1 - math.floor(math.log10(abs(value)))
        if self.decimals is not None and col.decimals > 0:
            return self.decimals
        return col.decimals


def printed_as(value: float, decimals: int) -> str:
    """Return a number printed with `decimals` digits; small and very large ones are printed in scientific notation.

    Negative decimals round to the left of the decimal point. Thousands are separated by commas.
    """
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "-∞")
    if decimals < 0:
        return f"{round(value, decimals):,.0f}"
    if abs(value) >= 1e7 and decimals > 0:
        return f"{value:.{decimals}e}"
    if 0 < abs(value) < 10 ** (1 - decimals) and decimals > 1:
        return f"{value:.{max(0, decimals - 2)}e}"
    text = f"{value:,.{decimals}f}"
    return text if text.strip("-0.") else text.removeprefix("-")  # no negative zero


def _half(value: float, decimals: int) -> str:
    """Return a half width with the digits of its value, or in scientific notation if it would be printed as zero.

    Half widths that are rounding errors of equal values are printed as zero.
    """
    value = 0.0 if value < ROUNDING else value
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
    is_headed: bool = False,
    caption: str = "",
    label: str = "",
    notes: Sequence[str] = (),
) -> Sheet:
    """Return the columns of a frame as a sheet; rows that agree in `group` form a block.

    columns: names of columns in the catalogue, or `Column` objects.
    marks:   whether the best and second-best values of each block are marked.
    is_headed: whether each block has the values of `group` as its heading.

    Half widths and ranges are taken from the columns `name + HALF`, `name + LOW` and `name + HIGH` of the frame. Rows
    with a "status" other than "complete" are never marked.
    """
    digits = digits or Digits()
    blocks = []
    for rows in _grouped(frame.to_dict("records"), group):
        cols = [_described(name, str(rows[0].get("dataset", "")), directions) for name in columns]
        cells = [[_cell(row, c, digits) for c in cols] for row in rows]
        complete = [row.get("status", "complete") == "complete" for row in rows]
        heading = ", ".join(str(rows[0][name]) for name in group) if is_headed else ""
        blocks.append(Block(tuple(map(tuple, marked(cells, cols, complete) if marks else cells)), heading))
    heads = tuple(_heading(name, frame, directions) for name in columns)
    return Sheet(heads, tuple(blocks), caption, label, tuple(notes))


def _cell(row: Mapping[Any, Any], col: Column, digits: Digits) -> Cell:
    half, low, high = (row.get(col.name + suffix) for suffix in (HALF, LOW, HIGH))
    return digits.cell(row[col.name], half, col, low, high)


def marked(cells: Sequence[Sequence[Cell]], columns: Sequence[Column], complete: Sequence[bool]) -> list[list[Cell]]:
    """Return the cells with the best and second-best values of each column marked.

    Printed values are compared. A place that two rows share is not marked: neither of them would stand out.
    """
    out = [list(row) for row in cells]
    for j, col in enumerate(columns):
        if not col.better:
            continue
        numbers = {i: printed(out[i][j]) for i, is_complete in enumerate(complete) if is_complete}
        values = {i: number for i, number in numbers.items() if number is not None}
        order = sorted(values, key=lambda i: values[i], reverse=col.better == "higher")
        for i, mark in zip(order[:2], MARKS, strict=False):
            if len(order) > 1 and list(values.values()).count(values[i]) == 1:
                out[i][j] = replace(out[i][j], mark=mark)
            else:
                break
    return out


def printed(cell: Cell) -> float | None:
    """Return the number that a cell shows; None if it shows none."""
    text = cell.text.replace(",", "").replace("∞", "inf")
    try:
        return float(text)
    except ValueError:
        return None


def explained(table: Sheet) -> list[str]:
    """Return notes that explain the marks, intervals and ranges of a table, if it has them."""
    cells = [cell for row in table.rows for cell in row]
    notes = []
    if any(cell.half for cell in cells):
        notes.append(f"± is half of the 95 % interval of the mean over seeds, with {MIN_SEEDS} or more of them.")
    if any(cell.low for cell in cells):
        notes.append("(low–high) is the range of single seeds.")
    has_seeds = any(cell.half or cell.low for cell in cells)
    if has_seeds and any(col.statistic == "median" and col.unit for col in table.columns):
        notes.append("Times and memory are medians over seeds.")
    if any(cell.mark for cell in cells):
        notes.append("Bold is the best printed value, underlined the second best, within each block of rows.")
    return notes


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
