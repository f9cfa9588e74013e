"""Python functions of the commands: tables and paths, the same as the command line gives, with and without progress."""

from __future__ import annotations

import json
import shutil
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from in_process import InProcess

import mobench
from mobench.errors import OptionError, RecordError, StoreError

Cli = Any
SEARCH = """
seeds = [0]
[budget]
steps = 5
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls", "phn-ls"]
[search.space]
lr = [0.01, 0.1]
"""


@pytest.fixture
def out(finished: Path, tmp_path: Path) -> Path:
    """A folder with the two records of the tiny suite."""
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.runs.executors.local.LocalExecutor", InProcess)


def test_leaderboard_has_the_rows_columns_and_tests_that_are_asked_for(out: Path, cli: Cli) -> None:
    table = mobench.leaderboard(out, solver="ls", columns=["solver", "hypervolume"])
    spread = ["hypervolume", "hypervolume ±", "hypervolume min", "hypervolume max"]
    assert list(table.columns) == ["solver", *spread]
    assert list(table["solver"]) == ["ls"]
    done = cli("leaderboard", out, "--solver", "ls", "--columns", "solver,hypervolume", "--json")
    line = json.loads(done.stdout.splitlines()[0])
    assert line["table"][0]["hypervolume"] == table["hypervolume"][0]
    assert list(line["table"][0]) == ["dataset", "model", "solver", *spread]
    assert line["comparisons"] == mobench.leaderboard(out, pairs=True).attrs["comparisons"]
    shown = cli("leaderboard", out, "--solver", "ls", "--columns", "solver,hypervolume").stdout
    assert "phn-ls" not in shown.split("vlmop2: hypervolume over")[0]
    assert "controllability" not in shown


def test_leaderboard_of_several_folders_is_one_table(out: Path, tmp_path: Path) -> None:
    shutil.copytree(out, tmp_path / "other")
    assert len(mobench.leaderboard([out, tmp_path / "other"], by="training s")) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"columns": "hypervolum"}, "has no column 'hypervolum'; did you mean 'hypervolume'"),
        ({"solver": "ls2"}, "has no solver 'ls2'"),
        ({"dataset": "zdt"}, "no record is of dataset 'zdt'"),
        ({"by": "solver"}, "does not exist; accepted: hypervolume,"),
        ({"protocol": "vlmop2-9"}, "vlmop2-9"),
    ],
)
def test_leaderboard_refuses_what_the_records_do_not_have(out: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        mobench.leaderboard(out, **arguments)


def test_report_returns_the_page(out: Path) -> None:
    with pytest.warns(UserWarning, match="not live"):
        assert mobench.report(out) == out / "report.html"
    path = mobench.report(out, out=out / "page.html", live=False, progress=False)
    assert "vlmop2" in path.read_text()
    with pytest.raises(StoreError, match="there are no records"):
        mobench.report(out / "nosuch")


def test_plot_returns_the_files(out: Path) -> None:
    assert mobench.plot(out, "fronts", format="csv") == [out / "plots" / "fronts-vlmop2.csv"]
    paths = mobench.plot(out, ["fronts"], format=["svg", "csv"], out=out / "x", progress=False)
    assert [path.suffix for path in paths] == [".svg", ".csv"]
    assert all(path.stat().st_size for path in paths)
    with pytest.raises(OptionError, match="did you mean 'fronts'"):
        mobench.plot(out, "front")
    (figure,) = mobench.plot(out, "fronts", dataset="vlmop2", width="column", title=False, out=out / "paper")
    assert 'width="234pt"' in figure.read_text()  # 3.25 inches
    with pytest.raises(OptionError, match="accepted: paper, slides"):
        mobench.plot(out, "fronts", style="poster")
    with pytest.raises(OptionError, match="nosuch"):
        mobench.plot(out, "fronts", solver="nosuch")
    with pytest.raises(StoreError, match="there are no records"):
        mobench.plot(out / "nosuch")


def test_export_returns_the_files_of_the_command(out: Path, cli: Cli) -> None:
    python = mobench.export(out, format=["csv", "tex"], preset="hypervolume", decimals=2, out=out / "python")
    done = cli(
        "export", out, "--format", "csv,tex", "--preset", "hypervolume", "--decimals", 2, "--out", out / "command"
    )
    assert [path.name for path in python] == ["hypervolume.csv", "hypervolume.tex"]
    assert all(f"wrote {out / 'command' / path.name}" in done.stdout for path in python)
    assert all(path.read_bytes() == (out / "command" / path.name).read_bytes() for path in python)
    with pytest.raises(OptionError, match="decimals and digits were both given"):
        mobench.export(out, decimals=1, digits=1)


@pytest.mark.slow
def test_verify_returns_a_table_of_what_was_compared(out: Path) -> None:
    record = next((out / "records").glob("*ls*.json"))
    table = mobench.verify(record)
    assert list(table.columns) == ["name", "recorded", "again", "difference", "tolerance", "agrees"]
    assert table.attrs["identical"]
    assert table.attrs["agrees"] == table["agrees"].all()
    with pytest.raises(RecordError):
        mobench.verify(out / "nosuch.json")
    with pytest.raises(OptionError, match="tolerance was given -1"):
        mobench.verify(record, tolerance=-1)


@pytest.mark.slow
def test_tune_returns_the_trials_and_marks_the_best(tmp_path: Path, in_process: None) -> None:
    suite = tmp_path / "search.toml"
    suite.write_text(SEARCH)
    space = mobench.tune(suite, dry_run=True)
    assert space.loc[space["option"] == "lr", "values"].tolist() == ["0.01, 0.1"] * 2
    table = mobench.tune(suite, out=tmp_path / "study", progress=False)
    assert sorted(zip(table["solver"], table["lr"], strict=True)) == [
        ("ls", 0.01), ("ls", 0.1), ("phn-ls", 0.01), ("phn-ls", 0.1),
    ]  # fmt: skip
    assert (table["state"] == "complete").all()
    for _, trials in table.groupby("solver"):
        assert trials.loc[trials["is_best"], "value"].tolist() == [trials["value"].max()]
    assert (tmp_path / "study" / "best.toml").is_file()
    with pytest.warns(UserWarning, match="lr is not searched"), pytest.raises(OptionError, match="leave some"):
        mobench.tune(suite, settings={"lr": 0.1}, out=tmp_path / "study")


def test_dry_run_lists_the_jobs_and_runs_none(tiny: Path, tmp_path: Path, out: Path) -> None:
    table = mobench.run(tiny, dry_run=True, out=tmp_path / "new")
    assert table["solver"].tolist() == ["ls", "phn-ls"]
    assert (table["state"] == "to run").all()
    assert not (tmp_path / "new").exists()
    assert (mobench.run(tiny, dry_run=True, out=out)["state"] == "has a record").all()


@pytest.mark.parametrize(("progress", "is_printed"), [(True, True), (None, False), (False, False)])
def test_progress_is_as_in_the_command_line_and_silent_by_default_without_a_terminal(
    tiny: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    in_process: None,
    progress: bool | None,
    is_printed: bool,
) -> None:
    events: list[str] = []
    mobench.run(
        tiny, solver="ls", out=tmp_path / "a", progress=progress, on_event=lambda job, event: events.append(event.phase)
    )
    printed = capsys.readouterr()
    assert printed.out == ""
    assert ("start   vlmop2 · ls · seed 0" in printed.err) == is_printed
    assert ("[1/1] completed" in printed.err) == is_printed
    assert bool(printed.err) == is_printed
    assert {"start", "end"} <= set(events)


def test_a_warning_points_at_the_caller(out: Path) -> None:
    (out / "records" / "broken.json").write_bytes(b"{")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert isinstance(mobench.leaderboard(out), pd.DataFrame)
    assert {Path(warning.filename).name for warning in caught} == {Path(__file__).name}
