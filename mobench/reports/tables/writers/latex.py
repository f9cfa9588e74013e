"""Writer of LaTeX tables with booktabs rules; best values are bold, second-best underlined."""

from __future__ import annotations

import re

from mobench.reports.tables.escaping import latex as escaped
from mobench.reports.tables.escaping import with_glyphs
from mobench.reports.tables.sheet import Block, Cell, Sheet
from mobench.reports.tables.table_widths import LAYOUTS, PaperLayout, PaperWidth, heading_parts

_ARROWS = {"higher": r" $\uparrow$", "lower": r" $\downarrow$", "": ""}
_WIDE = frozenset("mw@%&+=<>~^_#*\\")
_MARKS = {"best": "textbf", "second": "underline"}


def write(sheet: Sheet, standalone: bool = False, width: PaperWidth = "page") -> str:
    r"""Return a table environment that needs \usepackage{booktabs}; with `standalone`, a complete document.

    The page of a standalone document is sized to fit the table. In a document with two columns, a table of width "page"
    spans both.
    """
    layout = LAYOUTS[width]
    lines = [
        rf"\begin{{{layout.environment}}}",
        r"\centering",
        rf"{layout.size}\setlength{{\tabcolsep}}{{{layout.gap}pt}}\setlength{{\belowcaptionskip}}{{4pt}}",
    ]
    if sheet.caption:
        lines.append(rf"\caption{{{escaped(sheet.caption)}}}")
    if sheet.label:
        lines.append(rf"\label{{{label(sheet.label)}}}")
    lines += tabular(sheet)
    if sheet.notes:
        notes = [escaped(note) for note in sheet.notes]
        lines += [r"\par\medskip", r"\begin{minipage}{\linewidth}\footnotesize\raggedright"]
        lines += [f"{note}\\par" for note in notes] + [r"\end{minipage}"]
    lines.append(rf"\end{{{layout.environment}}}")
    body = "\n".join(lines) + "\n"
    return _document(sheet, body, layout) if standalone else "% needs \\usepackage{booktabs}\n" + body


def tabular(sheet: Sheet) -> list[str]:
    """Return the lines of the tabular environment."""
    kinds = "".join("l" if c.text else "r" for c in sheet.columns)
    heads = [stacked(sheet, j) for j in range(len(sheet.columns))]
    above = [_row([first for first, _ in heads])] if any(first for first, _ in heads) else []
    lines = [rf"\begin{{tabular}}{{@{{}}{kinds}@{{}}}}", r"\toprule", *above, _row([last for _, last in heads])]
    for block in sheet.blocks:
        lines += [r"\midrule", *_block(block, len(sheet.columns))]
    return [*lines, r"\bottomrule", r"\end{tabular}"]


def stacked(sheet: Sheet, j: int) -> tuple[str, str]:
    """Return the heading of a column in two lines, the first of which is "" if one line is as narrow as the cells."""
    col = sheet.columns[j]
    parts = heading_parts(sheet, j)
    arrow = _ARROWS[col.better]
    if len(parts) == 1:
        return "", f"{col.latex or escaped(col.name)}{arrow}"
    return escaped(parts[0]), f"{escaped(parts[1])}{arrow}"


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
    if cell.half:
        return rf"{text} $\pm$ {_number(cell.half)}"
    if not cell.low:
        return text
    dash = "--" if "–" in cell.spread else " to "
    return f"{text} ({_number(cell.low)}{dash}{_number(cell.high)})"


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


def _document(sheet: Sheet, body: str, layout: PaperLayout) -> str:
    width, height = _size(sheet)
    return "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage{booktabs}",
            rf"\usepackage[paperwidth={width}pt,paperheight={height}pt,margin=30pt]{{geometry}}",
            r"\pagestyle{empty}",
            r"\setlength{\textfloatsep}{0pt}",
            r"\begin{document}",
            body.replace(rf"\begin{{{layout.environment}}}", rf"\begin{{{layout.environment}}}[p]") + r"\end{document}",
            "",
        ]
    )


def _points(text: str) -> int:
    """Return an upper bound of the width of a text in points, at the article class's font size of 10 pt."""
    return sum(11 if c in _WIDE or c.isupper() or not c.isascii() else 6 for c in with_glyphs(text)) + 3


def _size(sheet: Sheet) -> tuple[int, int]:
    """Return a page size in points that fits the table: at least 15 by 10 cm, at most the largest size of TeX."""
    heads = [f"{c.name}  ↑" for c in sheet.columns]
    widths = [max([_points(h), *(_points(row[j].plain) for row in sheet.rows)]) for j, h in enumerate(heads)]
    blocks = [_points(block.heading) for block in sheet.blocks]
    wide = max([427, sum(w + 12 for w in widths), *blocks])
    lines = [_points(sheet.caption), *(_points(note) for note in sheet.notes)]
    below = sum(1 + length // wide for length in lines)
    rows = len(sheet.rows) + 2 * len(sheet.blocks) + below + 6
    return min(16000, wide + 60), min(16000, max(285, 14 * rows + 60))
