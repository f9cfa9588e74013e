"""Any text that is escaped for a format is read back unchanged by a reader of that format."""

from __future__ import annotations

import csv as csv_reader
import html as html_reader
import io
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from mobench.reports.tables import escaping

SIGNS = st.text("\\{}$&#%_~^<>|[]()*`'\"-+=@!?:;,./ \tabé中αβ×\n\r\x00\u202e\u0301\u00a0\ud800http:www.", max_size=30)
TEXTS = st.one_of(st.text(max_size=30), SIGNS)


@given(TEXTS)
def test_what_is_shown_shows_everything(text: str) -> None:
    escaped = escaping.with_codes(text)
    assert escaped.isprintable()
    assert _decoded(escaped) == _decoded(text)
    assert escaping.with_codes(escaped) == escaped


@given(TEXTS)
def test_html_reads_back(text: str) -> None:
    escaped = escaping.html(text)
    assert not set('<>"') & set(escaped)
    assert _spaces(html_reader.unescape(escaped)) == escaping.with_codes(text)


@given(TEXTS)
def test_markdown_reads_back_as_text_in_one_cell(text: str) -> None:
    parser = MarkdownIt("gfm-like", {"linkify": False}).enable("table")
    tokens = parser.parse(f"| x | y |\n| --- | --- |\n| {escaping.markdown(text)} | end |\n")
    cells = [t for t in tokens if t.type == "inline"][2:]
    assert len(cells) == 2
    assert {child.type for child in cells[0].children or []} <= {"text", "text_special"}
    assert _spaces("".join(child.content for child in cells[0].children or [])) == escaping.with_codes(text)


@given(TEXTS)
def test_csv_reads_back_and_is_no_formula(text: str) -> None:
    escaped = escaping.csv(text)
    assert not escaped.startswith(("=", "+", "-", "@", "\t", "\r"))
    buffer = io.StringIO()
    csv_reader.writer(buffer).writerow([escaped, "end"])
    ((back, end),) = csv_reader.reader(io.StringIO(buffer.getvalue()))
    assert end == "end"
    assert (back[1:] if re.match(r"'+[=+\-@]", back) else back) == escaping.with_codes(text)


@given(TEXTS, TEXTS)
def test_texts_that_look_different_stay_different(first: str, second: str) -> None:
    if escaping.with_codes(first) != escaping.with_codes(second):
        for escape in (escaping.html, escaping.markdown, escaping.csv):
            assert escape(first) != escape(second)


@given(TEXTS)
def test_latex_is_ascii_with_balanced_braces(text: str) -> None:
    escaped = escaping.latex(text)
    assert escaped.isascii()
    assert "\n" not in escaped
    bare = re.sub(r"\\[{}\\]", "", escaped)
    assert bare.count("{") == bare.count("}")
    assert not re.search(r"(?<!\\)[$&#%~]|(?<!\\)\^(?![{\\])|(?<!\\)_(?!\{)", escaped)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("a_b & 50 %", r"a\_b \& 50 \%"),
        ("x--y", "x-{}-y"),
        ("``q''", "`{}`q'{}'"),
        ("[x]*", "{[}x{]}{*}"),
        ("é, Å, ş", r"\'{e}, \r{A}, \c{s}"),
        ("ε ≤ 2×10²", r"\ensuremath{\varepsilon} \ensuremath{\leq} 2\ensuremath{\times}10\ensuremath{^{2}}"),
        ("中", r"\ensuremath{\langle}U+4E2D\ensuremath{\rangle}"),
        ("", ""),
        (" a  b", r"\ a\ \ b"),
    ],
)
def test_latex_by_hand(text: str, latex: str) -> None:
    assert escaping.latex(text) == latex


@pytest.mark.parametrize("text", ["=1+1", "+x", "-x", "@sum", "'=1", "''-x"])
def test_formulas_are_quoted(text: str) -> None:
    assert escaping.csv(text) == f"'{text}"


def test_names_stay_readable() -> None:
    plain = "static (generator.hidden=4, model.channels_out=16)"
    assert escaping.markdown(plain) == escaping.csv(plain) == escaping.html(plain) == plain


def _decoded(text: str) -> str:
    """The text with every code, and every hidden character, as the code point's number."""
    coded = re.sub(r"⟨U\+([0-9A-F]{4,6})⟩", lambda m: f"<{int(m[1], 16)}>", text)
    hidden = ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp")
    return "".join(f"<{ord(c)}>" if c != " " and unicodedata.category(c) in hidden else c for c in coded)


def _spaces(text: str) -> str:
    return text.replace(escaping.NO_BREAK, " ")
