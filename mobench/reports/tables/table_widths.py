"""Tables of the width of a column or of a page of a paper: widths of text, and what is left out to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from mobench.errors import OptionError
from mobench.reports.tables.sheet import Cell, Sheet

PaperWidth = Literal["column", "page"]


@dataclass(frozen=True)
class PaperLayout:
    """How a LaTeX table of a width is set.

    points:      width that is available, in points.
    environment: of the table; one with a star spans both columns of a page.
    size:        command that sets the size of the text.
    em:          size of the text in points, corrected for the wider letters of small fonts.
    gap:         half of the space between two columns, in points.
    """

    points: float
    environment: str
    size: str
    em: float
    gap: float


LAYOUTS: Mapping[PaperWidth, PaperLayout] = {
    "column": PaperLayout(234.0, "table", r"\footnotesize", 8.5, 2.5),
    "page": PaperLayout(397.0, "table*", r"\small", 9.25, 3.0),
}
"""Width -> layout; the widths are the smallest of common templates: a column of ICML, and a page of NeurIPS."""

_WIDTHS = {
    278: "il.,:;'[]!", 306: "fj", 333: "- `", 389: "t()", 392: "rs", 394: "s", 444: "cez", 500: "agovyx0123456789–/*?",
    528: "kqvxy", 556: "bdhnpu", 722: "w", 833: "m&%", 778: "=+±−<>", 361: "I", 514: "J", 556 + 1: "S", 611: "Z",
    625: "L", 653: "F", 681: "EPΔ", 708: "B", 722 + 1: "CT", 736: "R", 750: "AHNUVXYK", 764: "D", 785: "GOQ", 917: "M",
    1028: "W",
}  # fmt: skip
_THOUSANDTHS = {character: width for width, characters in sorted(_WIDTHS.items()) for character in characters}
"""Width of a character of Computer Modern (cmr10) in thousandths of its size."""
_OTHER = 1000
_ARROW = 833


def check_width(name: str) -> PaperWidth:
    """Return a width. Raises: OptionError for an unknown name."""
    for width in LAYOUTS:
        if width == name:
            return width
    raise OptionError(f"no width is called {name!r}; accepted: {', '.join(LAYOUTS)}")


def text_width(text: str) -> float:
    """Return an upper bound of the width of a text in em."""
    return sum(_THOUSANDTHS.get(c, _OTHER) for c in text) / 1000


def fitted(sheet: Sheet, width: PaperWidth, may_drop_columns: bool = True) -> Sheet:
    """Return a sheet without what does not fit a width.

    First the intervals and ranges of costs are left out, then all but those of the first number, then the last columns,
    as long as there are two columns of numbers.
    """
    layout = LAYOUTS[width]
    numbers = [j for j, col in enumerate(sheet.columns) if not col.text]
    costs = [j for j in numbers if sheet.columns[j].statistic == "median"]
    for dropped in (costs, numbers[1:]):
        if points(sheet, layout) > layout.points:
            sheet = _without_spread(sheet, dropped)
    while may_drop_columns and points(sheet, layout) > layout.points and sum(not col.text for col in sheet.columns) > 1:
        sheet = _without_last(sheet)
    return sheet


def points(sheet: Sheet, layout: PaperLayout) -> float:
    """Return an upper bound of the width of a table in points."""
    columns = [max(_heading_width(sheet, j), cells_width(sheet, j)) for j in range(len(sheet.columns))]
    return layout.em * sum(columns) + 2 * layout.gap * (len(columns) - 1)


def cells_width(sheet: Sheet, j: int) -> float:
    """Return an upper bound of the width of the cells of a column in em; bold text is wider."""
    return max(
        (text_width(row[j].plain) + 0.09 * len(row[j].text) * (row[j].mark == "best") for row in sheet.rows),
        default=0.0,
    )


def heading_parts(sheet: Sheet, j: int) -> list[str]:
    """Return the heading of a column, in two lines if it has several words and is wider than the cells."""
    col = sheet.columns[j]
    words = col.name.split(" ")
    if col.latex or len(words) < 2 or text_width(col.name) + _arrow(sheet, j) <= cells_width(sheet, j):
        return [col.name]
    splits = [[" ".join(words[:i]), " ".join(words[i:])] for i in range(1, len(words))]
    return min(splits, key=lambda parts: max(text_width(parts[0]), text_width(parts[1]) + _arrow(sheet, j)))


def _heading_width(sheet: Sheet, j: int) -> float:
    *above, last = heading_parts(sheet, j)
    return max(text_width(last) + _arrow(sheet, j), *(text_width(part) for part in above), 0.0)


def _arrow(sheet: Sheet, j: int) -> float:
    return _ARROW / 1000 if sheet.columns[j].better else 0.0


def _without_spread(sheet: Sheet, columns: list[int]) -> Sheet:
    def cell(j: int, old: Cell) -> Cell:
        return replace(old, half="", low="", high="") if j in columns else old

    blocks = [
        replace(block, rows=tuple(tuple(cell(j, c) for j, c in enumerate(row)) for row in block.rows))
        for block in sheet.blocks
    ]
    return replace(sheet, blocks=tuple(blocks))


def _without_last(sheet: Sheet) -> Sheet:
    blocks = [replace(block, rows=tuple(row[:-1] for row in block.rows)) for block in sheet.blocks]
    return replace(sheet, columns=sheet.columns[:-1], blocks=tuple(blocks))
