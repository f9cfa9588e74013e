"""Leaderboards in a terminal: their width, columns, order and sentences; definitions of columns."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from mobench.cli.board import WIDTH, print_board
from mobench.cli.main import app
from mobench.errors import MobenchError, OptionError
from mobench.reports.analysis.leaderboard import Leaderboard
from mobench.reports.tables.board_rows import BoardOptions
from mobench.reports.tables.columns import catalogue

RESULTS = Path(__file__).parents[2] / "results"


def printed(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    app([*words], standalone_mode=False)
    return capsys.readouterr().out


@pytest.fixture(autouse=True)
def width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def test_a_board_of_three_seeds_at_80_columns(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed("leaderboard", str(RESULTS / "standard"), "--dataset", "multifashion", capsys=capsys)
    lines = text.splitlines()
    assert max(map(len, [line.rstrip() for line in lines if not line.startswith("note:")])) <= WIDTH
    assert "rank  solver            hypervolume ↑  core-s ↓  parameters ↓  seeds" in text
    (best,) = [line for line in lines if line.split()[:2] == ["1", "stche"]]
    assert best.split() == ["1", "stche", "*2.087", "(2.076–2.099)", "336.0", "159,550", "3", "of", "3"]
    assert len([line for line in lines if line.endswith("3 of 3 ")]) == 17, "one line per row"
    assert "3 seeds separate no two solvers (5 are needed)" in text
    assert "times were measured on" in text


def test_columns_solvers_and_order_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["leaderboard", str(RESULTS / "standard"), "--dataset", "multimnist", "--solver", "ls,phn-ls,cosmos"]
    text = printed(*words, "--columns", "solver,IGD+,training s", "--sort", "training s", capsys=capsys)
    rows = [line.split()[0] for line in text.splitlines() if line.startswith((" ls", " phn-ls", " cosmos"))]
    seconds = pd.read_csv(RESULTS / "standard" / "leaderboard.csv").query("dataset == 'multimnist'")
    chosen = seconds[seconds["solver"].isin(rows)].sort_values("training s")
    assert rows == list(chosen["solver"])
    assert "IGD+ ↓" in text
    assert "IGD+ and ε are against the pooled" in text, "the note of a shown column"
    wide = printed(*words, "--wide", capsys=capsys)
    assert "controllability ↑" in wide


def test_five_seeds_and_several_tasks_say_who_is_tied(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed("leaderboard", str(RESULTS / "fairness"), "--dataset", "adult,compas", "--pairs", capsys=capsys)
    assert "Best by hypervolume: ls. Not separated from it (paired bootstrap over seeds): stche." in text
    assert "all tasks: hypervolume as a share of the box of each task" in text
    assert "a rank such as 2–5" in text
    assert "adult: hypervolume, every pair over 5 seeds" in text
    assert "0.625 (" not in text.split("compas")[0], "five seeds have an interval, not a range"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--by", "nonsense"], "does not exist; accepted: hypervolume, hypervolume at equal K"),
        (["--by", "steps"], "has no direction (larger or smaller is better); accepted: hypervolume"),
        (["--columns", "hypervolum"], "has no column 'hypervolum'; did you mean 'hypervolume'"),
        (["--sort", "nonsense"], "has no column 'nonsense'"),
        (["--solver", "lss"], "has no solver 'lss'"),
    ],
)
def test_unknown_names_are_answered_with_those_that_exist(words: list[str], message: str) -> None:
    with pytest.raises(OptionError) as error:
        app(["leaderboard", str(RESULTS / "report"), *words], standalone_mode=False)
    assert message in str(error.value)


def test_a_board_as_data(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["leaderboard", str(RESULTS / "standard"), "--dataset", "multimnist", "--solver", "ls,epo", "--json"]
    (line,) = [json.loads(text) for text in printed(*words, capsys=capsys).splitlines()]
    assert line["event"] == "leaderboard"
    assert [row["solver"] for row in line["table"]] == ["ls", "epo"]
    assert line["table"][0]["hypervolume"] == pytest.approx(3.1159, abs=1e-3)
    assert line["comparisons"][0]["is_separated"] is False
    (line,) = [json.loads(text) for text in printed(*words, "--columns", "IGD+", capsys=capsys).splitlines()]
    assert set(line["table"][0]) == {"dataset", "model", "solver", "IGD+", "IGD+ ±", "IGD+ min", "IGD+ max"}


def test_every_column_is_shown_with_its_definition(capsys: pytest.CaptureFixture[str]) -> None:
    for col in catalogue():
        lines = printed("show", col.name, capsys=capsys).splitlines()
        assert tuple(lines[:2]) == col.definition
    assert printed("show", "IGD+", capsys=capsys).splitlines()[1] == (
        "↓ smaller is better; mean over seeds; source: Ishibuchi et al., EMO 2015"
    )
    both = printed("show", "hypervolume", capsys=capsys)
    assert both.startswith("hypervolume: volume that the front dominates")
    assert "balancer hypervolume" in both, "a balancer has the same name"
    assert "balancer" not in printed("show", "hypervolume", "--kind", "column", capsys=capsys)
    line = json.loads(printed("show", "ε", "--json", capsys=capsys).splitlines()[0])
    assert (line["event"], line["name"], line["better"]) == ("column", "ε", "lower")
    with pytest.raises(MobenchError, match="no plugin or column is called 'hypervolum'; did you mean 'hypervolume'"):
        app(["show", "hypervolum"], standalone_mode=False)
    with pytest.raises(MobenchError, match="no column is called"):
        app(["show", "lss", "--kind", "column"], standalone_mode=False)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=60)
NUMBERS = st.floats(-1e12, 1e12) | st.just(math.nan)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(NAMES, NAMES, NUMBERS, NUMBERS), min_size=1, max_size=5),
    st.sampled_from([(), ("solver", "hypervolume", "IGD+", "ε", "R2", "training s", "training core-s", "peak MB")]),
)
def test_no_line_of_a_table_is_wider_than_80(rows: list[tuple[str, str, float, float]], columns: Sequence[str]) -> None:
    text = _printed_board(rows, BoardOptions(columns))
    lines = [line.rstrip() for line in text.split("\n") if not line.startswith(("note", "not shown"))]
    assert lines
    assert max(map(cell_len, lines)) <= WIDTH


def _printed_board(rows: list[tuple[str, str, float, float]], options: BoardOptions) -> str:
    table = pd.DataFrame(
        [
            {"dataset": "data", "rank": f"{i + 1}–{len(rows)}", "solver": solver, "model": model, "seeds": 2,
             **dict.fromkeys(("hypervolume", "IGD+", "ε", "R2", "training s", "training core-s", "peak MB"), low),
             "hypervolume min": np.fmin(low, high), "hypervolume max": np.fmax(low, high),
             "stored parameters": 1e9, "status": "complete"}
            for i, (solver, model, low, high) in enumerate(rows)
        ]
    )  # fmt: skip
    stream = io.StringIO()
    with redirect_stdout(stream):
        print_board(Leaderboard(table), options)
    return stream.getvalue()


def test_a_model_is_a_column_as_soon_as_there_are_two() -> None:
    def text(other: str) -> str:
        return _printed_board([("a", "lenet", 1.0, 2.0), ("b", other, 1.0, 2.0)], BoardOptions())

    single_model, two_models = text("lenet"), text("mlp")
    assert "lenet" not in single_model
    assert "lenet" in two_models


def test_columns_that_do_not_fit_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = ("solver", "hypervolume", "IGD+", "ε", "R2", "training s", "training core-s", "peak MB")
    rows = [("a", "net", 1.5e6, 2.5e6)]
    assert "not shown at this width: " in _printed_board(rows, BoardOptions(columns))
    assert "not shown" not in _printed_board(rows, BoardOptions(columns, is_wide=True))
    monkeypatch.setenv("COLUMNS", "150")
    assert "not shown" not in _printed_board(rows, BoardOptions(columns))


def test_the_reading_of_a_run_compares_one_network_with_several(handmade_run: Callable[[], str]) -> None:
    text = handmade_run()
    assert "one network of" in text
    assert "serves every preference (phn-ls: hypervolume" in text
    assert "serve one preference each (ls: hypervolume" in text
    assert "`mobench show hypervolume` defines one" in text


@pytest.fixture
def handmade_run(cli: Any, tiny: Path) -> Callable[[], str]:
    """Runs a small suite with ls and phn-ls and returns its output."""
    from in_process import IN_PROCESS

    def run() -> str:
        done = cli("run", tiny, *IN_PROCESS)
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    return run
