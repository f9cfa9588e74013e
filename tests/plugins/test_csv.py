"""Dataset `csv`: types of columns, encoding, missing values, splits, and errors for people."""

from __future__ import annotations

import csv
import math
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mobench.errors import DataError, OptionError
from mobench.interfaces import Split
from mobench_csv.csv_file import MIN_ROWS, NumberColumn, TextColumn, read_columns
from mobench_csv.dataset import EXAMPLE, CsvTable

SPLITS: tuple[Split, ...] = ("train", "val", "test")
N = 100


def written(path: Path, rows: list[list[Any]], delimiter: str = ",") -> Path:
    with path.open("w", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    return path


def table(path: Path, **options: Any) -> CsvTable:
    return CsvTable(file=str(path), sha256=sha256(path.read_bytes()).hexdigest(), **options)


@pytest.fixture
def rows() -> list[list[Any]]:
    """A table of 100 rows: the index, a number with gaps, a text, a real target with gaps, and a class with gaps."""
    random = np.random.default_rng(0)
    lines: list[list[Any]] = [["id", "x", "colour", "price", "grade"]]
    for i in range(N):
        colour = ("red", "green", "blue")[i % 3]
        lines.append([
            i, "" if i % 10 == 0 else round(float(random.normal()), 4), colour, "NA" if i % 20 == 3 else 3.5 + 2 * i,
            "" if i % 25 == 4 else "ABC"[i % 3],
        ])  # fmt: skip
    return lines


def test_losses_metrics_and_heads_follow_from_the_columns(tmp_path: Path, rows: list[list[Any]]) -> None:
    dataset = table(written(tmp_path / "a.csv", rows), targets=("price", "grade"))
    price, grade = dataset.objectives
    assert (price.name, price.likelihood, [m.name for m in price.metrics]) == ("price", "gaussian", ["R2", "RMSE"])
    assert (grade.name, grade.likelihood, [m.name for m in grade.metrics]) == ("grade", "categorical", ["accuracy"])
    assert dict(dataset.heads) == {"target-1": 1, "target-2": 3}
    assert dataset.input_names == (
        "id", "x", "x is missing", "colour=blue", "colour=green", "colour=red", "colour=other",
    ) or set(dataset.input_names[3:]) == {"colour=blue", "colour=green", "colour=red", "colour=other"}  # fmt: skip
    assert dataset.protocol.reference == (1.5, round(1.5 * round(math.log(3), 3), 3))
    assert dataset.notes == {"rows without price": 5, "rows without grade": 4}


def test_every_row_is_in_one_split_and_numbers_are_standardised_by_training(
    tmp_path: Path, rows: list[list[Any]]
) -> None:
    dataset = table(written(tmp_path / "a.csv", rows), targets=("price", "grade"))
    parts = {split: dataset.load(split) for split in SPLITS}
    assert [len(parts[split]) for split in SPLITS] == [60, 20, 20]
    column = dataset.input_names.index("id")
    train = parts["train"].inputs[:, column].double()
    assert train.mean().abs() < 1e-6
    assert (train.square().mean() - 1).abs() < 1e-5
    # undo the standardisation with two known rows: the ids of all splits together are 0 to 99, each once
    ids = torch.cat([parts[split].inputs[:, column] for split in SPLITS]).double()
    steps = ids.sort().values.diff()
    assert torch.allclose(steps, steps.mean().expand_as(steps), atol=1e-4)
    labels = parts["train"].targets["target-1"]
    present = labels[~labels.isnan()].double()
    assert present.mean().abs() < 1e-6
    assert (present.square().mean() - 1).abs() < 1e-5


def test_a_missing_input_is_the_mean_and_has_an_indicator(tmp_path: Path, rows: list[list[Any]]) -> None:
    dataset = table(written(tmp_path / "a.csv", rows), targets=("price", "grade"))
    x, missing = dataset.input_names.index("x"), dataset.input_names.index("x is missing")
    inputs = torch.cat([dataset.load(split).inputs for split in SPLITS])
    assert inputs[:, missing].sum() == N / 10
    assert (inputs[inputs[:, missing] == 1][:, x] == 0).all()
    assert (inputs[inputs[:, missing] == 0][:, x] != 0).all()
    assert (inputs[:, 3:].sum(1) == 1).all(), "one indicator of the colour per row"


def test_rows_without_a_target_do_not_count(tmp_path: Path, rows: list[list[Any]]) -> None:
    dataset = table(written(tmp_path / "a.csv", rows), targets=("price", "grade"))
    batch = dataset.load("train")
    outputs = {"target-1": torch.zeros(len(batch), 1), "target-2": torch.zeros(len(batch), 3)}
    price, grade = dataset.objectives
    assert float(price.loss(outputs, batch)) == pytest.approx(1.0, abs=1e-5)
    assert float(grade.loss(outputs, batch)) == pytest.approx(math.log(3), abs=1e-6)
    labels, scale = batch.targets["target-1"], batch.targets["target-1 scale"]
    deviation = float(np.std([3.5 + 2 * i for i in range(N)]))
    assert scale.min() == scale.max()
    assert float(scale[0]) == pytest.approx(deviation, rel=0.2)
    rmse = {metric.name: metric for metric in price.metrics}["RMSE"]
    assert float(rmse.measure(outputs, batch)) == pytest.approx(float(scale[0]), rel=1e-5)
    guess = torch.nn.functional.one_hot(batch.targets["target-2"].clamp_min(0), 3).float()
    assert float(grade.metrics[0].measure({**outputs, "target-2": guess}, batch)) == 1.0
    assert labels.isnan().any()
    assert (batch.targets["target-2"] == -1).any()


def test_a_row_without_any_target_is_left_out(tmp_path: Path, rows: list[list[Any]]) -> None:
    rows[8][3] = rows[8][4] = ""
    dataset = table(written(tmp_path / "a.csv", rows), targets=("price", "grade"))
    assert sum(len(dataset.load(split)) for split in SPLITS) == N - 1


def test_few_whole_numbers_are_classes_unless_told_otherwise(tmp_path: Path) -> None:
    lines: list[list[Any]] = [["x", "stars", "mark"], *([i, 1 + i % 5, i / 7] for i in range(N))]
    path = written(tmp_path / "a.csv", lines)
    assert dict(table(path, targets=("stars", "mark")).heads) == {"target-1": 5, "target-2": 1}
    assert dict(table(path, targets=("stars", "mark"), few_values=0).heads) == {"target-1": 1, "target-2": 1}
    named = table(path, targets=("stars", "mark"), categories=("x",))
    assert named.input_names[-1] == "x=other"
    assert len(named.input_names) == 31


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_separators_quotes_and_a_byte_order_mark_are_read(tmp_path: Path, delimiter: str) -> None:
    lines: list[list[Any]] = [["a", "b"], *([i, f"text, {i % 4}; with\ttabs"] for i in range(MIN_ROWS))]
    path = written(tmp_path / "a.csv", lines, delimiter)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    columns = read_columns(path, "")
    assert isinstance(columns["a"], NumberColumn)
    assert columns["a"].values.tolist() == list(range(MIN_ROWS))
    assert columns["b"] == TextColumn(tuple(line[1] for line in lines[1:]))


def changed(rows: list[list[Any]], line: int, column: int, value: Any) -> list[list[Any]]:
    rows[line][column] = value
    return rows


WRONG: dict[str, tuple[Any, dict[str, Any], str]] = {
    "an empty file": (lambda rows: [], {}, "a.csv is empty: pass a CSV file with a header line"),
    "a header alone": (lambda rows: rows[:1], {}, "has 0 rows: at least 20 are needed"),
    "too few rows": (lambda rows: rows[:15], {}, "has 14 rows: at least 20 are needed"),
    "no such column": (lambda rows: rows, {"targets": ("prize", "grade")}, "no column 'prize'; did you mean 'price'"),
    "no such input": (lambda rows: rows, {"inputs": ("y",)}, "no column 'y'; its columns are id, x, colour"),
    "no such category": (lambda rows: rows, {"categories": ("colur",)}, "did you mean 'colour'"),
    "a text among numbers": (
        lambda rows: changed(rows, 7, 3, "cheap"), {}, "line 8: 'cheap' in column 'price' is not a number.*correct it",
    ),
    "an infinite number": (lambda rows: changed(rows, 7, 3, "inf"), {}, "'inf' in column 'price' is not a number"),
    "a line with more values": (lambda rows: [*rows[:9], [*rows[9], 1], *rows[10:]], {}, "line 10 has 6 values"),
    "a repeated column": (lambda rows: changed(rows, 0, 1, "id"), {}, "two columns 'id'"),
    "a column without a name": (lambda rows: changed(rows, 0, 1, " "), {}, "a column without a name"),
    "a constant target": (
        lambda rows: [rows[0], *([*row[:3], 5, row[4]] for row in rows[1:])], {}, "'price' has one value in all rows",
    ),
    "an empty target": (
        lambda rows: [rows[0], *([*row[:3], "", row[4]] for row in rows[1:])], {}, "'price' has no value in any row",
    ),
    "a target of names": (
        lambda rows: [rows[0], *([*row[:4], f"n{i}"] for i, row in enumerate(rows[1:]))], {},
        "'grade' has 100 different texts in 100 rows",
    ),
    "a target of few rows": (
        lambda rows: [rows[0], *([*row[:3], row[3] if i < 2 else "", row[4]] for i, row in enumerate(rows[1:]))], {},
        "'price' has a value in too few rows",
    ),
    "no inputs": (lambda rows: [row[3:] for row in rows], {}, "only the targets as columns"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_table_is_an_error_that_says_what_to_do(tmp_path: Path, rows: list[list[Any]], case: str) -> None:
    change, options, message = WRONG[case]
    dataset = table(written(tmp_path / "a.csv", change(rows)), **{"targets": ("price", "grade"), **options})
    with pytest.raises(DataError, match=message) as raised:
        dataset.load("train")
    assert "\n" not in str(raised.value)
    assert ": " in str(raised.value) or ";" in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"targets": ("rent",)}, "targets names only 'rent': name two or more columns, which become"),
        ({"targets": ()}, "targets names nothing"),
        ({"targets": ("rent", "rent")}, "names a column twice"),
        ({"inputs": ("rent", "area")}, "'rent' is a target and an input"),
        ({"file": "a.csv"}, "file and sha256 belong together"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        CsvTable(**options)


def test_a_file_that_changed_is_an_error(tmp_path: Path, rows: list[list[Any]]) -> None:
    path = written(tmp_path / "a.csv", rows)
    dataset = table(path, targets=("price", "grade"))
    path.write_text(path.read_text().replace("red", "yellow"))
    with pytest.raises(DataError, match=r"has changed: its SHA-256 is .*restore the file, or run the command"):
        dataset.load("train")


def test_a_file_that_is_no_text_or_not_there_is_an_error(tmp_path: Path, rows: list[list[Any]]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"a,b\n\xff\xfe,1\n")
    with pytest.raises(DataError, match="is not UTF-8 text"):
        read_columns(path, "")
    with pytest.raises(DataError, match=r"cannot be read .No such file"):
        read_columns(tmp_path / "b.csv", "")
    path.write_text('a,b\n"1,2\n')
    with pytest.raises(DataError, match="line"):
        read_columns(path, "")


def test_the_example_has_both_kinds_of_targets() -> None:
    dataset = CsvTable()
    assert [objective.likelihood for objective in dataset.objectives] == ["gaussian", "categorical"]
    assert not dataset.load("val").inputs.isnan().any()
    assert (Path(__file__).parents[2] / "plugins" / "mobench_csv" / EXAMPLE).is_file()
