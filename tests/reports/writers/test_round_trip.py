"""Every format, written from records and read back by another library, equals the leaderboard."""

from __future__ import annotations

import io
import math
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from markdown_it import MarkdownIt

from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import Leaderboard, leaderboard
from mobench.reports.tables.columns import HALF, HIGH, LOW, column, is_spread
from mobench.reports.tables.content import Content, Wanted, content
from mobench.reports.tables.table_files import FORMATS

RESULTS = Path(__file__).parents[3] / "results"
SUITES = ["quick", "analytic", "methods", "report"]
Folders = dict[str, Path]


@pytest.fixture(params=SUITES)
def records(request: pytest.FixtureRequest, quick: Path) -> list[Record]:
    """Records of the suite quick (a few steps), and of committed results."""
    folder = quick if request.param == "quick" else RESULTS / request.param
    return Store(folder).contents().records


@pytest.fixture
def board(records: list[Record]) -> Leaderboard:
    return leaderboard(records)


@pytest.fixture
def table_content(board: Leaderboard, records: list[Record]) -> Content:
    return content(board, records, Wanted(caption="A caption & more"))


@pytest.mark.slow
def test_csv(board: Leaderboard, table_content: Content) -> None:
    back = pd.read_csv(io.StringIO(str(FORMATS["csv"](table_content))), dtype={"rank": str})
    pd.testing.assert_frame_equal(back, board.table, check_dtype=False)


def test_parquet(board: Leaderboard, table_content: Content) -> None:
    data = FORMATS["parquet"](table_content)
    assert isinstance(data, bytes)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(data)), board.table, check_dtype=False)
    metadata = pq.read_metadata(io.BytesIO(data)).metadata
    assert metadata[b"caption"] == b"A caption & more"
    assert set(metadata) <= {b"caption", b"ARROW:schema"}, "nothing that another day or machine would change"


def test_html(board: Leaderboard, table_content: Content) -> None:
    names = visible_columns(board)
    texts = dict.fromkeys(range(len(names)), str)
    (back,) = pd.read_html(io.StringIO(str(FORMATS["html"](table_content))), converters=texts)
    assert_cells(back.to_numpy().tolist(), board, names)


def test_markdown(board: Leaderboard, table_content: Content) -> None:
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(str(FORMATS["md"](table_content)))
    begin, end = (next(i for i, t in enumerate(tokens) if t.type == kind) for kind in ("table_open", "table_close"))
    texts = ["".join(c.content for c in t.children or []) for t in tokens[begin:end] if t.type == "inline"]
    names = visible_columns(board)
    assert texts[: len(names)] == names
    assert_cells(chunked(texts[len(names) :], len(names)), board, names)
    assert tokens[1].content == r"A caption \& more"


def test_latex(board: Leaderboard, records: list[Record]) -> None:
    names = visible_columns(board)
    text = str(FORMATS["tex"](content(board, records, Wanted(columns=names))))
    head, *rows = latex_rows(text)
    assert len(head) == len(names)
    assert_cells(rows, board, names)
    assert "\\toprule" in text
    assert "\\bottomrule" in text


def test_latex_marks_are_the_extremes_of_each_dataset(board: Leaderboard, records: list[Record]) -> None:
    text = str(FORMATS["tex"](content(board, records, Wanted(columns=["dataset", "solver", "hypervolume"]))))
    bold = re.findall(r"^(.*?) & (.*?) & \\textbf\{", text, re.M)
    for name, group in board.table.groupby("dataset"):
        rounded = group["hypervolume"].round(3)
        best = set(group["solver"][rounded == rounded.max()])
        best = best if len(best) == 1 and len(group) > 1 else set()
        assert {solver for dataset, solver in bold if dataset == name} == best


@pytest.mark.slow
def test_tidy_and_seeds(board: Leaderboard, records: list[Record], table_content: Content) -> None:
    long = pd.read_csv(io.StringIO(str(FORMATS["tidy.csv"](table_content)))).set_index(
        ["dataset", "model", "solver", "quantity"]
    )
    seeds = pd.read_csv(io.StringIO(str(FORMATS["seeds.csv"](table_content))))
    summaries = seeds.groupby(["dataset", "model", "solver", "quantity"])["value"].agg(
        ["mean", "median", "count", "min", "max"]
    )
    n_checked = 0
    for row in board.table.to_dict("records"):
        for name in visible_columns(board):
            if isinstance(row[name], str) or name == "seeds" or math.isnan(row[name]):
                continue
            key = row["dataset"], row["model"], row["solver"], name
            assert long.loc[key, "estimate"] == row[name]
            assert summaries.loc[key, column(name).statistic] == pytest.approx(row[name], rel=1e-12, abs=1e-12)
            assert long.loc[key, "n"] == summaries.loc[key, "count"]
            lower, upper = long.loc[key, "lower"], long.loc[key, "upper"]
            if long.loc[key, "spread"] == "range":
                assert (lower, upper) == (summaries.loc[key, "min"], summaries.loc[key, "max"])
            else:
                assert (upper - lower) / 2 == pytest.approx(row[name + HALF])
            n_checked += 1
    assert n_checked == len(long)
    assert len(seeds) >= n_checked


@pytest.mark.slow
def test_every_format_is_the_same_to_the_byte_again(
    board: Leaderboard, records: list[Record], table_content: Content
) -> None:
    reversed_table = content(leaderboard(records[::-1]), records[::-1], Wanted(caption="A caption & more"))
    for name, write in FORMATS.items():
        assert write(table_content) == write(reversed_table), name


def visible_columns(board: Leaderboard) -> list[str]:
    return [str(c) for c in board.table.columns if not is_spread(str(c))]


def chunked(texts: list[str], width: int) -> list[list[str]]:
    assert len(texts) % width == 0
    return [texts[i : i + width] for i in range(0, len(texts), width)]


def latex_rows(text: str) -> list[list[str]]:
    """The cells of a tabular as plain text: what is between & and \\\\, markup taken off."""
    body = text.partition("\\toprule")[2].partition("\\bottomrule")[0].replace("\\midrule", "")
    rows = [[plain(cell) for cell in re.split(r"(?<!\\)&", row)] for row in body.split(r" \\" + "\n") if row.strip()]
    is_stacked = len(rows) > 1 and not rows[0][0] and rows[1][0] == "dataset"
    return rows[1:] if is_stacked else rows


def plain(cell: str) -> str:
    text = re.sub(r"\\ensuremath\{(-?[\d.]+)\\times 10\^\{(-?\d+)\}\}", r"\1e\2", cell.strip())
    text = re.sub(r"\\(?:textbf|underline)\{([^{}]*)\}", r"\1", text.replace(r"\ensuremath{-}", "-"))
    text = text.replace(r"\ensuremath{\infty}", "∞").replace(r"$\pm$", "±")
    return text.replace("--", "–").replace(r"\_", "_").replace("-{}-", "--")


def assert_cells(rows: list[list[str]], board: Leaderboard, names: list[str]) -> None:
    """Texts are equal, numbers are to half of their last digit, intervals likewise."""
    table: list[dict[Any, Any]] = board.table.to_dict("records")
    assert len(rows) == len(table)
    for cells, row in zip(rows, table, strict=True):
        for name, cell in zip(names, cells, strict=True):
            value = row[name]
            if isinstance(value, str):
                assert cell == value, name
            elif math.isnan(value):
                assert cell == "–", name
            else:
                estimate, _, spread = cell.partition(" ")
                assert_near(estimate, value)
                if spread.startswith("± "):
                    assert_near(spread.removeprefix("± "), row[name + HALF])
                elif spread:
                    low, high = re.split(r"–| to ", spread.strip("()"))
                    assert_near(low, row[name + LOW])
                    assert_near(high, row[name + HIGH])
                else:
                    assert math.isnan(row.get(name + HALF, math.nan))


def assert_near(text: str, value: float) -> None:
    number, _, power = text.replace(",", "").partition("e")
    digit = 10.0 ** (int(power or 0) - len(number.partition(".")[2]))
    assert abs(float(f"{number}e{power or 0}") - value) <= 0.5001 * digit, (text, value)
