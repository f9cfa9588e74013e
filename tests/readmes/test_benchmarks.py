"""The benchmark commands of CONTRIBUTING.md run; timing is replaced, because it takes minutes."""

from __future__ import annotations

import importlib
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readmes.pages import ROOT, commands

GROUPS = [
    command.text.split("run.py")[1].split()
    for command in commands(ROOT / "CONTRIBUTING.md")
    if "run.py" in command.text
]


@pytest.mark.slow
def test_every_group_of_the_benchmarks_that_a_page_names_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    run: Any = importlib.import_module("run")
    monkeypatch.setattr(run, "ratio", lambda a, b, turns=7, b_times=1: (2.0, 1.0, 2.0))
    group_names = [group for groups in GROUPS for group in groups]
    assert [] in GROUPS
    assert group_names
    monkeypatch.setattr("sys.argv", ["run.py", *group_names, "--out", str(tmp_path)])
    run.main()
    assert (tmp_path / "speed.md").read_text().count("\n") > len(group_names)


@pytest.mark.slow
def test_the_benchmark_of_a_large_board_runs_on_a_small_one(
    cli: Callable[..., subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(ROOT / "tests" / "benchmarks")
    board_scale: Any = importlib.import_module("board_scale")

    def in_a_fork(label: str, words: list[str], written: Path | None = None) -> Any:
        done = cli(*words, env={"COLUMNS": "80"})
        assert done.returncode == 0, done.stderr
        n_bytes = sum(size for _, size in board_scale.sizes([written])) if written is not None else 0
        return board_scale.Measurement(label, 1.0, 1.0, 10**6, n_bytes)

    monkeypatch.setattr(board_scale, "command", in_a_fork)
    size = ["--methods", "2", "--tasks", "2", "--seeds", "1"]
    monkeypatch.setattr("sys.argv", ["x", str(tmp_path / "board"), *size, "--out", str(tmp_path / "board.md")])
    board_scale.main()
    text = (tmp_path / "board.md").read_text()
    assert "2 methods × 2 tasks × 1 seeds: 4 records" in text
    assert text.count("| `mobench ") == 5
