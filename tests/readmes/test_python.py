"""The Python code of README.md runs: one standalone program, a package of three blocks, and two calls."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from in_process import InProcess
from readmes import shortened
from readmes.pages import ROOT, blocks, calls
from readmes.preloaded import Preloaded

README = ROOT / "README.md"
REREAD = """
import mobench, pandas, torch
again = mobench.load("front.safetensors").network([0.3, 0.7])(pandas.read_pickle("x.pkl"))
assert all(torch.equal(again[head], output) for head, output in torch.load("outputs.pt").items())
"""
OF_THE_PACKAGE = ("class Worst", "def mobench_solvers", "[project.entry-points.mobench]")


@pytest.mark.slow
def test_a_snippet_is_part_of_the_package_or_runs_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The program trains a front on data of scikit-learn in at most 15 lines, and a new process predicts the same."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    parts = [text for language, text in blocks(README.read_text()) if language in ("python", "toml")]
    programs = [text for text in parts if not any(part in text for part in OF_THE_PACKAGE)]
    assert len(parts) == len(programs) + len(OF_THE_PACKAGE)
    (program,) = programs
    assert len([line for line in program.splitlines() if line.strip()]) <= 15
    values: dict[str, Any] = {}
    exec(compile(program, "README.md", "exec"), values)
    outputs, other_outputs = values["outputs"]
    assert not torch.equal(outputs["alcohol"], other_outputs["alcohol"])
    values["x"].to_pickle("x.pkl")
    torch.save(outputs, "outputs.pt")
    done = subprocess.run([sys.executable, "-c", REREAD], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert all(torch.equal(values["again"][head], outputs[head]) for head in outputs)


@pytest.mark.slow
def test_the_package_passes_its_checks_and_its_pairs_run(
    preloaded: Preloaded, authors: Path, environment: dict[str, str], tiny: Path, tmp_path: Path
) -> None:
    checked = preloaded.run(["check", "worst", "my-worst"], tmp_path, environment, [str(authors)])
    assert checked.returncode == 0, checked.stdout
    command = f"mobench run {tiny.name} --solver my-worst,phn-ls,phn+worst,stack+worst --out out"
    done = preloaded.run(shortened.words(command, tmp_path), tmp_path, environment, [str(authors)])
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "leaderboard.md").read_text().count("| complete |") == 4


def test_the_calls_give_tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The suites are shortened as for commands, and their jobs run in this process."""
    import pandas as pd

    import mobench

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("mobench.runs.executors.local.LocalExecutor", InProcess)
    table_calls = calls(README)
    assert len(table_calls) == 2
    for call in table_calls:
        short = re.sub(r'mobench\.run\("(\w+)"', lambda run: f'mobench.run("{shortened.copy(run[1], tmp_path)}"', call)
        table = eval(short, {"mobench": mobench})
        assert isinstance(table, pd.DataFrame)
        assert list(table["solver"]) == ["ls", "phn-ls"] or list(table["solver"]) == ["phn-ls", "ls"]
