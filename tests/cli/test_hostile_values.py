"""Every option of every command with invalid values: a single clear line, never an internal error."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from mobench.cli import main

pytestmark = pytest.mark.slow

VALUES = {
    "nan": "nan", "inf": "inf", "beyond floats": "1e999", "negative": "-1", "zero": "0", "a comma": ",",
    "a decimal comma": "1,5", "empty": "", "blank": " ", "300 characters": "x" * 300, "an escape": "\x1b[2J",
    "a superscript": "²", "5000 digits": "9" * 5000, "20 digits": "9" * 20, "NaN as an option": "lr=NaN",
    "infinity as an option": "lr=1e999", "an option of 20 digits": "n_preferences=99999999999999999999",
    "an option nested deep": "milestones=" + "[" * 5000, "only dots": "..", "a dotted word": ".x",
}  # fmt: skip
TUNED = """
[budget]
steps = 2
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls", "phn-ls"]
[search.space]
momentum = [0.0, 0.5]
"""
PATHS = {"out"}
"""Options that name a file or a folder."""


def options_of_commands() -> Iterator[tuple[str, str]]:
    """Each command with each of its options that take a value."""
    group: Any = typer.main.get_command(main.app)
    for name, command in group.commands.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.is_flag and parameter.name not in PATHS:
                yield name, parameter.opts[0]


@pytest.fixture
def places(finished: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """The words of each command without the option: none of them trains."""
    shutil.copytree(finished, tmp_path / "out")
    (tmp_path / "tuned.toml").write_text(TUNED)
    (tmp_path / "points.csv").write_text("f1,f2\n0.5,0.5\n")
    monkeypatch.chdir(tmp_path)
    return {
        "run": [str(tiny), "--dry-run"],
        "tune": ["tuned.toml", "--dry-run"],
        "show": ["ls"],
        "check": ["nothing-of-this-name"],
        "leaderboard": ["out"],
        "export": ["out", "--out", "exported"],
        "plot": ["out", "no-such-kind"],
        "import": ["points.csv", "--solver", "other", "--out", "out", "--dataset", "vlmop2"],
        "verify": ["nowhere.json"],
    }


@pytest.mark.parametrize(("command", "option"), list(options_of_commands()), ids=str)
def test_a_value_that_an_option_cannot_take_is_one_line(
    places: dict[str, list[str]], command: str, option: str, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    for value_name, value in VALUES.items():
        monkeypatch.setattr(sys, "argv", ["mobench", command, *places.get(command, []), f"{option}={value}"])
        code = main._run()
        stderr = capsys.readouterr().err
        assert code in (0, 1, 2), f"{option} with {value_name}: {stderr}"
        errors = [line for line in stderr.splitlines() if line.startswith("error: ")]
        assert len(errors) == (code == 2), f"{option} with {value_name}: {stderr}"
        assert "Traceback" not in stderr
        assert all(line.isprintable() for line in stderr.splitlines()), f"{option} with {value_name}"
