"""`mobench leaderboard`, `export` and `data`, through the installed command; the same from Python."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from in_process import InProcess

import mobench
from mobench.errors import OptionError, UnknownNameError

Cli = Any


def test_a_leaderboard_is_printed_from_records_alone(cli: Cli, finished: Path) -> None:
    done = cli("leaderboard", finished)
    assert done.returncode == 0
    assert "vlmop2" in done.stdout
    assert "phn-ls" in done.stdout
    assert "note: vlmop2: a single seed separates no two solvers (5 are needed)" in done.stdout


def test_a_folder_without_records_is_told(cli: Cli, tmp_path: Path) -> None:
    done = cli("leaderboard", tmp_path / "nothing")
    assert done.returncode == 2
    assert "there are no records in" in done.stderr


@pytest.mark.slow
def test_tables_are_exported_the_same_to_the_byte(cli: Cli, finished: Path, tmp_path: Path) -> None:
    for out in ("a", "b"):
        assert cli("export", finished, "--out", out, "--format", "md,csv").returncode == 0
    for name in ("leaderboard.md", "leaderboard.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    table = pd.read_csv(tmp_path / "a" / "leaderboard.csv")
    assert set(table["solver"]) == {"ls", "phn-ls"}


def test_columns_and_digits_can_be_chosen(cli: Cli, finished: Path, tmp_path: Path) -> None:
    words = ["--out", "a", "--format", "md", "--columns", "solver,hypervolume", "--decimals", "1"]
    assert cli("export", finished, *words).returncode == 0
    lines = (tmp_path / "a" / "leaderboard.md").read_text().splitlines()
    assert lines[0] == "| solver | hypervolume |"
    assert not (tmp_path / "a" / "leaderboard.csv").exists()


@pytest.mark.parametrize(
    ("words", "message"), [(["--format", "pdf"], "accepted: md, csv"), (["--columns", "hv"], "has no column 'hv'")]
)
def test_what_cannot_be_exported_is_told(cli: Cli, finished: Path, words: list[str], message: str) -> None:
    done = cli("export", finished, "--out", "a", *words)
    assert done.returncode == 2
    assert message in done.stderr


def test_data_are_listed_and_verified(cli: Cli, tmp_path: Path) -> None:
    listed = cli("data", "list")
    assert listed.returncode == 0
    assert "missing MNIST/raw/train-images-idx3-ubyte  47.0 MB  CC BY-SA 3.0, as commonly given\n" in listed.stdout
    assert "missing jura/jura_val.csv  11 kB  GPL-2 or later (package)\n" in listed.stdout
    place = tmp_path / "mine" / "MNIST" / "raw"
    place.mkdir(parents=True)
    (place / "train-labels-idx1-ubyte").write_bytes(b"wrong")
    verified = cli("data", "verify", "mnist", env={"MOBENCH_DATA": str(tmp_path / "mine")})
    assert verified.returncode == 1
    assert "BAD     MNIST/raw/train-labels-idx1-ubyte: data file" in verified.stdout
    assert "missing: run `mobench data fetch mnist`" in verified.stdout


def test_fetching_tries_every_source_and_says_why_none_helped(cli: Cli, tmp_path: Path) -> None:
    """The command runs without a network and without package tools."""
    nothing = tmp_path / "no-programs"
    nothing.mkdir()
    blocked = {"http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9", "PATH": str(nothing)}
    done = cli("data", "fetch", "fashion-mnist", env=blocked)
    assert done.returncode == 2
    *_, line = done.stderr.splitlines()
    for part in ("fashion mnist from torchvision: no mirror answered", "apt-get is not installed", "set MOBENCH_DATA"):
        assert part in line
    assert "trying fashion mnist from packages" in done.stdout


def test_an_unknown_collection_is_told(cli: Cli) -> None:
    done = cli("data", "fetch", "mnits")
    assert done.returncode == 2
    assert "did you mean 'mnist'" in done.stderr


def test_python_gives_the_same_as_tables(finished: Path, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "out")
    before = sorted(os.listdir(tmp_path / "out" / "records"))
    board = mobench.run(str(tiny), out=tmp_path / "out")
    assert sorted(os.listdir(tmp_path / "out" / "records")) == before, "both jobs were there"
    assert list(board["solver"]) == list(mobench.leaderboard(tmp_path / "out")["solver"])
    assert (tmp_path / "out" / "leaderboard.md").is_file()


def test_python_takes_names_and_settings(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mobench.runs.executors.local.LocalExecutor", InProcess)
    board = mobench.run(str(tiny), solver="ls", settings={"lr": 0.05}, seeds=[3], steps=5, out=tmp_path / "out")
    assert board[["solver", "seeds", "steps"]].to_numpy().tolist() == [["ls", 1, 5]]


def test_python_raises_what_the_command_line_prints(tiny: Path, tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean"):
        mobench.run(str(tiny), solver="lss", out=tmp_path)
    with pytest.raises(OptionError, match="accepted: float > 0"):
        mobench.run(str(tiny), settings={"lr": "x"}, out=tmp_path)
