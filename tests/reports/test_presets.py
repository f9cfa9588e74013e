"""Presets from committed records: each in every format, read back by other libraries."""

from __future__ import annotations

import inspect
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
import pytest

from mobench.cli.export import export as command
from mobench.errors import OptionError
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables.content import Content, Wanted
from mobench.reports.tables.presets import PRESETS, preset
from mobench.reports.tables.table_files import FORMATS

ROOT = Path(__file__).parents[2]
CASES = [
    ("accuracy", "report"), ("accuracy", "methods"), ("fronts", "methods"), ("datasets", "analytic"),
    ("errors", "compression"), ("rays", "report"),
    ("hypervolume", "standard"), ("cost", "methods"), ("budgets", "standard"), ("budgets", "sequence"),
    ("tasks", "analytic"),
]  # fmt: skip


def content(name: str, suite: str, standalone: bool = False, backwards: bool = False) -> Content:
    records = Store(ROOT / "results" / suite).contents().records
    records = records[::-1] if backwards else records
    return preset(name).make(leaderboard(records), records, Wanted(standalone=standalone))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "suite"), CASES)
def test_every_format_is_the_same_to_the_byte_and_reads_back(name: str, suite: str) -> None:
    table, reversed_table = content(name, suite), content(name, suite, backwards=True)
    for format_, write in FORMATS.items():
        if name != "rays" or "." not in format_:
            assert write(table) == write(reversed_table), format_
    printed = [[cell.plain for cell in row] for row in table.sheet.rows]
    (html,) = pd.read_html(
        io.StringIO(str(FORMATS["html"](table))), converters=dict.fromkeys(range(len(printed[0])), str), na_values=[],
        keep_default_na=False, thousands=None,
    )  # fmt: skip
    assert html.to_numpy().tolist() == printed
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(bytes(FORMATS["parquet"](table)))), table.frame)
    text = pd.read_csv(io.StringIO(str(FORMATS["csv"](table))), keep_default_na=False, na_values={})
    assert text.shape == table.frame.shape
    lines = [line for line in str(FORMATS["md"](table)).splitlines() if line.startswith("| ")]
    assert len(lines) == 2 + len(printed)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "suite"), [case for case in CASES if case[0] != "rays"])
def test_it_compiles_and_its_pdf_has_every_figure(name: str, suite: str, compiled: Callable[[str], str]) -> None:
    table = content(name, suite, standalone=True)
    text = _bare(compiled(str(FORMATS["tex"](table))))
    for row in table.narrow.rows:
        cells = [cell.plain for cell in row]
        # an exponent is on a separate line in the PDF's text, which splits the row
        has_power = re.search(r"\de[+-]\d", "".join(cells))
        parts = [p for c in cells for p in re.split(r"e[+-]\d+", c)] if has_power else ["".join(cells)]
        assert all(_bare(part) in text for part in parts), cells


def test_the_reports_table_is_what_its_records_say() -> None:
    """Compare with the JSON files, read without mobench."""
    (path,) = (ROOT / "results" / "report" / "records").glob("*.json")
    fronts = json.loads(path.read_text())["fronts"]
    table = content("accuracy", "report").frame.set_index("split")
    for split, word in (("train", "train"), ("val", "validation"), ("test", "test")):
        metrics = fronts[split]["metrics"]
        for i, preference in enumerate(fronts[split]["preferences"]):
            name = ", ".join(f"{r:.3g}" for r in preference)
            expected = 100 * fmean(metrics[f"{side}/accuracy"][i] for side in ("left", "right"))
            assert table.loc[word, name] == pytest.approx(expected)
    assert len(fronts["test"]["preferences"]) == 9


def test_the_table_of_hypervolumes_is_what_its_records_say() -> None:
    table = content("hypervolume", "standard").frame
    seeds: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for path in (ROOT / "results" / "standard" / "records").glob("*.json"):
        record = json.loads(path.read_text())
        job = record["job"]
        # one dataset may give a solver another option, and its row another name
        seeds.setdefault((job["dataset"]["name"], job["solver"]["name"]), []).append(record)
    rows = {(row["dataset"], row["solver"].partition(" (")[0]): row for row in table.to_dict("records")}
    assert rows.keys() == seeds.keys()
    for key, records in seeds.items():
        volumes = [record["indicators"]["test"]["hypervolume"] for record in records]
        assert rows[key]["hypervolume"] == pytest.approx(fmean(volumes))
        assert {rows[key]["stored parameters"]} == {record["cost"]["stored_parameters"] for record in records}


def test_every_preset_is_tested() -> None:
    assert {name for name, _ in CASES} == set(PRESETS) - {"leaderboard"}, "which has tests of its own"


def test_the_table_of_sizes_is_what_the_leaderboard_says() -> None:
    board = pd.read_csv(ROOT / "results" / "compression" / "leaderboard.csv").set_index("solver")
    frame = content("errors", "compression").frame.set_index("solver")
    for solver in board.index:
        assert frame.loc[solver, "mnist: class/error (middle ray)"] == board.loc[solver, "class/error (middle ray)"]
        assert frame.loc[solver, "stored parameters"] == board.loc[solver, "stored parameters"]


def test_unknown_names_are_told_with_those_that_are_there() -> None:
    with pytest.raises(OptionError, match="no table is called 'acuracy'; did you mean 'accuracy'"):
        preset("acuracy")
    with pytest.raises(OptionError, match="accepted: leaderboard, rays, accuracy"):
        preset("zzz")


def test_the_commands_help_names_every_preset_and_format() -> None:
    help_by_option = {
        option: parameter.annotation.__metadata__[0].help
        for option, parameter in inspect.signature(command).parameters.items()
        if option in ("preset", "format")
    }
    assert set(re.findall(r"[a-z]+", help_by_option["preset"].partition(":")[2])) == set(PRESETS)
    assert set(re.findall(r"[a-z.]*[a-z]", help_by_option["format"].partition(":")[2])) == {*FORMATS, "onnx"}


def _bare(text: str) -> str:
    typed = {"’": "'", "−": "-", "–": "-", "×10": "e", "_": ""}
    text = "".join(text.split())
    for sign, replacement in typed.items():
        text = text.replace(sign, replacement)
    return re.sub(r"e([+-]?)0+(?=\d)", r"e\1", text)
