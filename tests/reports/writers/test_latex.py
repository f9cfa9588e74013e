"""LaTeX tables, compiled by pdfLaTeX and read from the PDF."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables.columns import column
from mobench.reports.tables.content import Wanted, content
from mobench.reports.tables.sheet import Block, Cell, Sheet, sheet
from mobench.reports.tables.table_files import FORMATS
from mobench.reports.tables.table_widths import LAYOUTS, PaperWidth, fitted, points
from mobench.reports.tables.writers.latex import write

pytestmark = pytest.mark.slow

RESULTS = Path(__file__).parents[3] / "results"
Compile = Callable[[str], str]


@pytest.mark.parametrize("suite", ["quick", "analytic", "methods", "report"])
def test_the_table_of_a_folder_compiles_and_its_pdf_has_every_figure(
    suite: str, quick: Path, compiled: Compile
) -> None:
    records = Store(quick if suite == "quick" else RESULTS / suite).contents().records
    table = content(leaderboard(records), records, Wanted(caption=f"Of {suite}", label="tab:x", standalone=True))
    lines = [_bare(line) for line in compiled(str(FORMATS["tex"](table))).splitlines()]
    for row in table.narrow.rows:
        # the text of a PDF may have a raised exponent in a line of its own
        texts = [[cell.plain for cell in row], [re.sub(r"(?<=\de)-\d+$", "", cell.plain) for cell in row]]
        assert any(_bare("".join(cells)) in lines for cells in texts)
    assert f"Table1:Of{suite}" in lines


def test_a_table_in_somebodys_article(compiled: Compile, quick: Path) -> None:
    records = Store(quick).contents().records
    options = Wanted(columns=["solver", "hypervolume"], caption="Fronts", label="tab:fronts")
    table = str(FORMATS["tex"](content(leaderboard(records), records, options)))
    assert table.startswith("% needs \\usepackage{booktabs}\n\\begin{table*}")
    document = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n%s\\end{document}\n"
    assert "Table 1: Fronts" in compiled(document % table)


PAGE = r"\documentclass%s\usepackage[paperheight=1200pt,textheight=1000pt,textwidth=%s]{geometry}\usepackage{booktabs}"
PAGES = {"column": PAGE % ("[twocolumn]{article}", "478pt"), "page": PAGE % ("{article}", "397pt")}
"""Pages whose column is 234 points wide, as in ICML, and whose text is 397 points wide, as in NeurIPS."""


@pytest.mark.parametrize("width", PAGES)
@pytest.mark.parametrize("suite", ["standard", "report"])
def test_a_table_fits_its_width(suite: str, width: PaperWidth, compiled: Compile) -> None:
    """TeX warns of a line that is too wide, which the fixture turns into a failure."""
    records = Store(RESULTS / suite).contents().records
    table = content(leaderboard(records), records, Wanted(width=width))
    names = [column.name for column in table.narrow.columns]
    if (suite, width) == ("standard", "column"):
        assert names == ["rank", "solver", "hypervolume", "training core-s", "stored parameters"]
    document = rf"{PAGES[width]}\setlength{{\columnsep}}{{10pt}}\begin{{document}}"
    text = compiled(f"{document}\n{FORMATS['tex'](table)}\n\\end{{document}}\n")
    assert "Table 1: " in text
    assert "IGD+" not in text, "a note on a column that is not shown"


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=15), st.floats(0, 1e6), st.floats(0, 1e6)), min_size=1, max_size=4),
    st.sampled_from(sorted(PAGES)),
)
def test_what_does_not_fit_is_left_out(rows: list[tuple[str, float, float]], width: PaperWidth) -> None:
    names = ["rank", "solver", "hypervolume", "IGD+", "ε", "R2", "training core-s", "stored parameters"]
    frame = pd.DataFrame(
        [
            {"rank": f"{i}", "solver": name, "hypervolume min": min(a, b), "hypervolume max": max(a, b),
             **dict.fromkeys(names[2:], a)}
            for i, (name, a, b) in enumerate(rows)
        ]
    )  # fmt: skip
    full_table = sheet(frame, names, group=())
    table = fitted(full_table, width)
    shown = [column.name for column in table.columns]
    assert shown == names[: len(shown)]
    assert shown[:3] == names[:3]
    assert points(table, LAYOUTS[width]) <= LAYOUTS[width].points or len(shown) == 3


SIGNS = st.text("\\{}$&#%_~^<>|[]()*`'\"-+=@!?:;,./ abÉé中αβ×‖°…–\n\r\x00\u202e\u0301\u00a0ß", min_size=1, max_size=25)
NAMES = st.lists(st.one_of(st.text(min_size=1, max_size=25), SIGNS), min_size=15, max_size=40)
# an underscore is a rule in TeX's own encoding, which no reader finds again
GLYPHS = [chr(c) for c in range(33, 127) if chr(c) != "_"]
QUIET = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


@QUIET
@given(NAMES)
def test_whatever_a_name_is_the_table_compiles(compiled: Compile, names: Sequence[str]) -> None:
    compiled(_of_names(names))


@QUIET
@given(st.lists(st.text(GLYPHS, min_size=1, max_size=20), min_size=15, max_size=40))
def test_names_read_back_from_the_pdf(compiled: Compile, names: Sequence[str]) -> None:
    text = compiled(_of_names([f"({name})" for name in names]))
    printed = [_bare(line) for line in text.splitlines() if line.strip().endswith("end")]
    assert printed == [_bare(f"({name})end") for name in names]


def _of_names(names: Sequence[str]) -> str:
    rows = tuple((Cell(name), Cell("end")) for name in names)
    name_sheet = Sheet(
        (column("solver"), column("status")), (Block(rows, heading=names[0]),), caption=names[-1], label=names[0]
    )
    return write(name_sheet, standalone=True)


def _bare(text: str) -> str:
    """Remove spaces and underscores (drawn as rules), and replace TeX's characters by those that were typed."""
    typed = {"’": "'", "‘": "`", "”": '"', "“": "``", "ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl",
             "˜": "~", "ˆ": "^", "∼": "~", "−": "-", "∗": "*", "–": "-", "×10": "e", "ϵ": "ε"}  # fmt: skip
    text = "".join(text.replace("_", "").split())
    for sign, replacement in typed.items():
        text = text.replace(sign, replacement)
    return re.sub(r"e([+-]?)0+(?=\d)", r"e\1", text)
