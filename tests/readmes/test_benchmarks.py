"""The benchmark commands of CONTRIBUTING.md run; timing is replaced, because it takes minutes."""

from __future__ import annotations

import importlib
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
