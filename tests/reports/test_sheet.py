"""Digits and marks of tables, by hand."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobench.reports.tables.columns import column
from mobench.reports.tables.sheet import Cell, Digits, explained, printed, printed_as, sheet

FRAME = pd.DataFrame(
    [
        {"dataset": "x", "solver": "a", "hypervolume": 3.0004, "hypervolume ±": 0.001, "training s": 2.0},
        {"dataset": "x", "solver": "b", "hypervolume": 3.0003, "hypervolume ±": 0.001, "training s": 1.0},
        {"dataset": "x", "solver": "c", "hypervolume": 2.5, "hypervolume ±": 0.001, "training s": 3.0},
        {"dataset": "x", "solver": "d", "hypervolume": 2.4, "hypervolume ±": 0.001, "training s": math.nan},
        {"dataset": "y", "solver": "a", "hypervolume": 1.0, "hypervolume ±": 0.25, "training s": 5.0},
        {"dataset": "y", "solver": "b", "hypervolume": 2.0, "hypervolume ±": 0.5, "training s": 5.0},
    ]
)


def marks(name: str, **options: Any) -> list[list[str]]:
    marked_sheet = sheet(FRAME, ["solver", name], **options)
    return [[row[1].mark for row in block.rows] for block in marked_sheet.blocks]


def test_equal_prints_are_equally_good_and_the_next_is_second() -> None:
    assert marks("hypervolume") == [["best", "best", "second", ""], ["second", "best"]]


def test_more_digits_tell_them_apart() -> None:
    assert marks("hypervolume", digits=Digits(4)) == [["best", "second", "", ""], ["second", "best"]]


def test_low_is_best_where_the_column_says_so_and_a_tie_of_all_has_no_best() -> None:
    assert marks("training s") == [["second", "best", "", ""], ["", ""]]


def test_columns_without_a_direction_have_no_best() -> None:
    assert marks("solver") == [[""] * 4, [""] * 2]
    assert marks("hypervolume", marks=False) == [[""] * 4, [""] * 2]


def test_incomplete_rows_are_never_best() -> None:
    frame = FRAME.assign(status=["failed at seed 1", *["complete"] * 5])
    rows = sheet(frame, ["hypervolume"]).rows
    assert [row[0].mark for row in rows] == ["", "best", "second", "", "second", "best"]


def test_a_metric_is_marked_by_its_datasets_direction() -> None:
    frame = pd.DataFrame({"dataset": ["p", "p", "q", "q"], "o/m (middle ray)": [1.0, 2.0, 1.0, 2.0]})
    marked_sheet = sheet(frame, ["o/m (middle ray)"], directions={("p", "o/m"): "lower", ("q", "o/m"): "higher"})
    assert [row[0].mark for row in marked_sheet.rows] == ["best", "second", "second", "best"]
    assert marked_sheet.columns[0].better == "", "a heading with one arrow would be wrong for one of them"
    unknown = sheet(frame, ["o/m (middle ray)"])
    assert {row[0].mark for row in unknown.rows} == {""}


def test_notes_say_how_often_the_best_is_clear() -> None:
    notes = explained(sheet(FRAME, ["hypervolume", "training s"]))
    assert notes[0] == "± is half of the 95 % interval over seeds."
    # x: two share the first place; y: [1.5, 2.5] against [0.75, 1.25]
    assert "in 1 of 2 comparisons" in notes[1]
    single = sheet(FRAME.drop(columns="hypervolume ±"), ["hypervolume"])
    (line,) = explained(single)
    assert "the order may be chance" in line
    assert explained(sheet(FRAME, ["solver"])) == []


@pytest.mark.parametrize(
    ("value", "name", "digits", "text"),
    [
        (3.0, "hypervolume", Digits(), "3.000"),
        (0.0, "hypervolume", Digits(), "0.000"),
        (0.00012345, "hypervolume", Digits(), "1.2e-04"),
        (3243410.0, "stored parameters", Digits(), "3,243,410"),
        (3243410.0, "stored parameters", Digits(1), "3,243,410"),
        (3243410.0, "stored parameters", Digits(significant=3), "3,240,000"),
        (1346.666, "training s", Digits(), "1,346.7"),
        (1346.666, "training s", Digits(0), "1,347"),
        (0.012345, "hypervolume", Digits(significant=3), "0.0123"),
        (1.2345e-7, "hypervolume", Digits(significant=3), "1.23e-07"),
        (-1.5, "hypervolume", Digits(1), "-1.5"),
        (-0.0, "hypervolume", Digits(1), "0.0"),
        (math.inf, "hypervolume", Digits(), "∞"),
        (math.nan, "hypervolume", Digits(), "–"),
        (None, "hypervolume", Digits(), "–"),
        ("1–3", "rank", Digits(), "1–3"),
    ],
)
def test_digits(value: Any, name: str, digits: Digits, text: str) -> None:
    assert digits.cell(value, None, column(name)).text == text


def test_an_interval_has_the_digits_of_its_value() -> None:
    assert Digits(significant=3).cell(12.3456, 0.5, column("hypervolume")).plain == "12.3 ± 0.5"
    assert Digits().cell(0.5251, 0.0016, column("hypervolume")).plain == "0.525 ± 0.002"
    assert Digits().cell(0.5251, 0.00016, column("hypervolume")).plain == "0.525 ± 1.6e-04"
    assert Digits().cell(0.5251, 0.0, column("hypervolume")).plain == "0.525 ± 0.000"


@given(st.floats(-1e12, 1e12), st.integers(1, 6))
def test_so_many_significant_digits_are_within_half_a_digit(value: float, significant: int) -> None:
    cell = Digits(significant=significant).cell(value, None, column("hypervolume"))
    back = printed(cell)
    assert back is not None
    if value:
        digit = 10.0 ** (math.floor(math.log10(abs(value))) - significant + 1)
        assert abs(back - value) <= 0.5001 * digit


@given(st.floats(-1e6, 1e6), st.integers(0, 8))
def test_what_is_printed_is_near_and_never_zero_for_something(value: float, decimals: int) -> None:
    back = printed(Cell(printed_as(value, decimals)))
    assert back is not None
    assert abs(back - value) <= 0.5001 * 10.0**-decimals
    if decimals > 1:
        assert (back == 0) == (value == 0)
