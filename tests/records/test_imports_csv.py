"""Valid and invalid CSV files of points."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mobench.errors import DataError
from mobench.records.imports_csv import MAX_POINTS, read_csv
from mobench.records.record import MAX_BYTES

OBJECTIVES, METRICS = ["left", "right"], ["left/accuracy", "right/accuracy"]


def read(text: str | bytes) -> list:
    return read_csv(text.encode() if isinstance(text, str) else text, "f.csv", OBJECTIVES, METRICS)


def test_points_alone_are_seed_0_of_the_test_split() -> None:
    (imported_run,) = read("left,right\n0.5,1\n1e-1,2\n")
    assert (imported_run.seed, imported_run.training_seconds, imported_run.parameters) == (0, None, None)
    assert imported_run.fronts["test"].losses == [[0.5, 1.0], [0.1, 2.0]]
    assert (imported_run.fronts["test"].preferences, imported_run.fronts["test"].metrics) == ([], {})


def test_every_column_in_any_order_with_blanks_and_underscores() -> None:
    first, second = read(
        "\ufeffseed, Right ,left,preference_left,preference right,left/accuracy,split,training_seconds,parameters\r\n"
        "7,2,1,0.25,0.75,0.9,test,3.5,100\r\n"
        "\r\n"
        "7,4,3,0.5,0.5,0.8,validation,3.5,100\r\n"
        "3,6,5,1,0,0.7,test,1,50\r\n"
    )
    assert (first.seed, second.seed) == (3, 7)
    assert second.fronts["test"].losses == [[1, 2]]
    assert second.fronts["test"].preferences == [[0.25, 0.75]]
    assert second.fronts["val"].metrics == {"left/accuracy": [0.8]}
    assert (second.training_seconds, second.parameters) == (3.5, 100)
    assert (first.training_seconds, first.parameters) == (1, 50)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no column 'left', 'right'"),
        ("left,right\n", "has no points"),
        ("left\n1\n", "has no column 'right': there are 2 objectives"),
        ("left,right,up\n1,2,3\n", "column 'up' that is unknown"),
        ("left,rigth\n1,2\n", "did you mean 'right'"),
        ("left;right\n1;2\n", "that is unknown"),
        ("left,right,left\n1,2,3\n", "column 'left' 2 times"),
        ("left,right,preference left\n1,2,1\n", "no column 'preference right'"),
        ("left,right\n1,2\n1\n", "line 3 has 1 cells, there are 2 columns"),
        ("left,right\n1,2,3\n", "line 2 has 3 cells"),
        ("left,right\n1,nan\n", "line 2, column 'right': 'nan' is not a finite number"),
        ("left,right\n1,inf\n", "'inf' is not a finite number"),
        ("left,right\n-Infinity,1\n", "'-Infinity' is not a finite number"),
        ("left,right\n1,\n", "'' is not a finite number"),
        ("left,right\n1,two\n", "'two' is not a finite number"),
        ("left,right\n1,1_0\n", "'1_0' is not a finite number"),
        ("left,right\n1,1e400\n", "is not a finite number"),
        ("left,right\n1,1e200\n", "is larger than 1e+30"),
        ("left,right,seed\n1,2,-1\n", "'-1' is not a whole number"),
        ("left,right,seed\n1,2,1.5\n", "'1.5' is not a whole number"),
        ("left,right,seed\n1,2,99999999999999999999\n", "is not a whole number"),
        ("left,right,split\n1,2,tests\n", "'tests' is not a split"),
        ("left,right,split\n1,2,val\n", "seed 0 has no point of the test split"),
        ("left,right,training seconds\n1,2,-3\n", "-3 is below 0"),
        ("left,right,training seconds\n1,2,3\n1,2,4\n", "'training seconds' has 2 values at seed 0"),
        ("left,right,parameters\n1,2,3.5\n", "'3.5' is not a whole number"),
        (b"left,right\n\xff\xfe,1\n", "is not UTF-8 text"),
        (b"left,right\n1,\x00\n", "is no"),
        ('left,right\n"1,2\n', "is not CSV"),
        ("left,right\n" + "1,2\n" * (MAX_POINTS + 1), f"a front has at most {MAX_POINTS} points"),
        (b"x" * (MAX_BYTES + 1), "is too large"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_in_one_line(text: str | bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        read(text)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 400


losses = st.floats(-1e6, 1e6)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(losses, losses, st.integers(0, 4)), min_size=1, max_size=12))
def test_numbers_come_back_to_the_bit(points: list[tuple[float, float, int]]) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([("left", "right", "seed"), *points])
    back = [
        (*row, imported_run.seed)
        for imported_run in read(text.getvalue())
        for row in imported_run.fronts["test"].losses
    ]
    assert back == sorted(points, key=lambda p: p[2])


@settings(deadline=None, max_examples=100)
@given(st.one_of(st.binary(max_size=80), st.text(max_size=80).map(lambda t: ("left,right\n" + t).encode())))
def test_no_bytes_do_anything_but_be_read_or_refused(content: bytes) -> None:
    refused = None
    try:
        read_csv(content, "f.csv", OBJECTIVES, METRICS)
    except DataError as error:
        refused = str(error)
    assert refused is None or refused.startswith("f.csv")
