"""Writer of GitHub-flavoured Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mobench.reports.tables.escaping import markdown as escaped
from mobench.reports.tables.sheet import Block, Sheet


def write(sheet: Sheet) -> str:
    """Return the caption, the table and the notes; the heading of a block is a separate row."""
    rows = [row for block in sheet.blocks for row in _rows(block, len(sheet.columns))]
    lines = [f"{escaped(sheet.caption)}\n"] if sheet.caption else []
    lines.append(table([c.name for c in sheet.columns], rows))
    if sheet.notes:
        lines.append("\n".join(["Notes:", "", *(f"- {escaped(note)}" for note in sheet.notes), ""]))
    return "\n".join(lines)


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table of texts; the texts are escaped."""
    shown = [_line(map(escaped, names)), _line(["---"] * len(names)), *(_line(map(escaped, row)) for row in rows)]
    return "\n".join(shown) + "\n"


def _rows(block: Block, width: int) -> list[list[str]]:
    heading = [[block.heading, *[""] * (width - 1)]] if block.heading else []
    return heading + [[cell.plain for cell in row] for row in block.rows]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
