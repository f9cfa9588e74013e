"""Writer of LaTeX tables with booktabs rules; best values are bold, second-best underlined."""

from __future__ import annotations

import re

from mobench.reports.tables.columns import Column
from mobench.reports.tables.escaping import latex as escaped
from mobench.reports.tables.escaping import with_glyphs
from mobench.reports.tables.sheet import Block, Cell, Sheet

_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
_WIDE = frozenset("mw@%&+=<>~^_#*\\")
_MARKS = {"best": "textbf", "second": "underline"}


def write(sheet: Sheet, standalone: bool = False) -> str:
    r"""Return a table environment that needs \usepackage{booktabs}; with `standalone`, a complete document.

    The page of a standalone document is sized to fit the table.
    """
    lines = [r"\begin{table}", r"\centering"]
    if sheet.caption:
        lines.append(rf"\caption{{{escaped(sheet.caption)}}}")
    if sheet.label:
        lines.append(rf"\label{{{label(sheet.label)}}}")
    lines += tabular(sheet)
    if sheet.notes:
        notes = [escaped(note) for note in sheet.notes]
        lines += [r"\par\medskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"]
        lines += [f"{note}\\par" for note in notes] + [r"\end{minipage}"]
    lines.append(r"\end{table}")
    body = "\n".join(lines) + "\n"
    return _document(sheet, body) if standalone else "% needs \\usepackage{booktabs}\n" + body


def tabular(sheet: Sheet) -> list[str]:
    """Return the lines of the tabular environment."""
    kinds = "".join("l" if c.text else "r" for c in sheet.columns)
    lines = [rf"\begin{{tabular}}{{{kinds}}}", r"\toprule", _row([heading(c) for c in sheet.columns])]
    for block in sheet.blocks:
        lines += [r"\midrule", *_block(block, len(sheet.columns))]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def heading(col: Column) -> str:
    """Return the heading of a column: label, unit, and an arrow for the better direction."""
    unit = f" [{escaped(col.unit)}]" if col.unit else ""
    return f"{col.latex or escaped(col.label)}{unit}{_ARROWS[col.better]}"


def label(text: str) -> str:
    r"""Return a name for \ref with only characters that are safe with every package."""
    return re.sub(r"[^A-Za-z0-9:.+/-]+", "-", text)


def _block(block: Block, width: int) -> list[str]:
    above = [rf"\multicolumn{{{width}}}{{l}}{{\emph{{{escaped(block.heading)}}}}} \\"] if block.heading else []
    return above + [_row([_cell(cell) for cell in row]) for row in block.rows]


def _cell(cell: Cell) -> str:
    text = _number(cell.text)
    if cell.mark:
        text = rf"\{_MARKS[cell.mark]}{{{text}}}"
    return rf"{text} $\pm$ {_number(cell.half)}" if cell.half else text


def _number(text: str) -> str:
    """Return LaTeX for a printed number, with minus sign and power of ten typeset; other text is escaped."""
    if power := re.fullmatch(r"(-?[\d.]+)e([+-])0*(\d+)", text):
        sign = "-" if power[2] == "-" else ""
        return rf"\ensuremath{{{power[1]}\times 10^{{{sign}{power[3]}}}}}"
    if re.fullmatch(r"-[\d.,]+", text):
        return rf"\ensuremath{{-}}{text[1:]}"
    return escaped(text)


def _row(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _document(sheet: Sheet, body: str) -> str:
    width, height = _size(sheet)
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage{booktabs}",
            rf"\usepackage[paperwidth={width}pt,paperheight={height}pt,margin=30pt]{{geometry}}",
            r"\pagestyle{empty}",
            r"\setlength{\textfloatsep}{0pt}",
            r"\begin{document}",
            body.replace(r"\begin{table}", r"\begin{table}[p]") + r"\end{document}",
            "",
        ]
    )


def _points(text: str) -> int:
    """Return an upper bound of the width of a text in points, at the article class's font size of 10 pt."""
    return sum(11 if c in _WIDE or c.isupper() or not c.isascii() else 6 for c in with_glyphs(text)) + 3


def _size(sheet: Sheet) -> tuple[int, int]:
    """Return a page size in points that fits the table: at least 15 by 10 cm, at most the largest size of TeX."""
    heads = [f"{c.heading}  ↑" for c in sheet.columns]
    widths = [max([_points(h), *(_points(row[j].plain) for row in sheet.rows)]) for j, h in enumerate(heads)]
    blocks = [_points(block.heading) for block in sheet.blocks]
    wide = max([427, sum(w + 12 for w in widths), *blocks])
    lines = [_points(sheet.caption), *(_points(note) for note in sheet.notes)]
    below = sum(1 + length // wide for length in lines)
    rows = len(sheet.rows) + 2 * len(sheet.blocks) + below + 6
    return min(16000, wide + 60), min(16000, max(285, 14 * rows + 60))
