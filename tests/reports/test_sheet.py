"""Digits and marks of tables, by hand."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobench.reports.analysis.statistics import estimate
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


def test_a_place_that_two_rows_share_is_not_marked() -> None:
    assert marks("hypervolume") == [["", "", "", ""], ["second", "best"]]
    frame = pd.DataFrame({"dataset": "x", "hypervolume": [3.0, 2.0, 2.0]})
    assert [row[0].mark for row in sheet(frame, ["hypervolume"]).rows] == ["best", "", ""]


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


def test_notes_explain_the_signs_that_a_table_has() -> None:
    interval, medians, marked = explained(sheet(FRAME, ["hypervolume", "training s"]))
    assert interval == "± is half of the 95 % interval of the mean over seeds, with 5 or more of them."
    assert medians == "Times and memory are medians over seeds."
    assert marked.startswith("Bold is the best printed value")
    ranges = FRAME.drop(columns="hypervolume ±").assign(**{"hypervolume min": 0.5, "hypervolume max": 4.0})
    assert explained(sheet(ranges, ["hypervolume"]))[0] == "(low–high) is the range of single seeds."
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


def test_a_range_has_the_digits_of_its_value_and_negative_ends_are_joined_by_a_word() -> None:
    volume, memory = column("hypervolume"), column("peak MB")
    assert Digits().cell(2.08, math.nan, volume, 2.07, 2.0999).plain == "2.080 (2.070–2.100)"
    assert Digits().cell(1100.2, None, memory, 1099.0, 1105.0).plain == "1,100.2 (1,099.0–1,105.0)"
    assert Digits().cell(0.5, None, volume, -0.25, 1.0).plain == "0.500 (-0.250 to 1.000)"
    assert Digits().cell(0.5, None, volume, 0.0001, 1.0).plain == "0.500 (1.0e-04 to 1.000)"
    assert Digits().cell(2.0, None, volume, 2.0, 2.0).plain == "2.000", "a range without an extent"
    assert Digits().cell(2.0, 0.1, volume, 1.0, 3.0).plain == "2.000 ± 0.100", "an interval comes first"
    assert Digits().cell(12345678.9, None, volume).plain == "1.235e+07"
    assert Digits().cell(1.0, 1.5e-16, volume).plain == "1.000 ± 0.000", "a rounding error"


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=9), st.integers(1, 6))
def test_what_a_cell_of_a_positive_quantity_prints_is_not_negative(values: list[float], decimals: int) -> None:
    e = estimate(values, bounds=(0.0, math.inf))
    cell = Digits(decimals).cell(e.center, e.half_width, column("hypervolume"), e.low, e.high)
    ends = [printed(Cell(text)) for text in (cell.low, cell.high) if text]
    if cell.half:
        center, half = printed(cell), printed(Cell(cell.half))
        assert center is not None
        assert half is not None
        ends.append(center - half + 10.0**-decimals)  # both are rounded
    assert all(end is not None and end >= 0 for end in ends)


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
