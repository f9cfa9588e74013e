"""Every command that a README shows is one that mobench takes, up to the first job."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from mobench.cli import run as run_command
from mobench.cli.main import app
from mobench.runs import suite as suites

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", *sorted((ROOT / "plugins").glob("*/README.md")), ROOT / "CONTRIBUTING.md"]
INVENTED = ("my-suite.toml", "my-worst", "NAME")
"""Names that stand for the reader's own."""


def commands(path: Path) -> list[str]:
    """The lines of shell blocks, and what stands between backticks, that call mobench."""
    text = path.read_text()
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    prose = [" ".join(found.split()) for found in re.findall(r"`(mobench [^`]+)`", text)]
    parts = [part.strip() for line in [*lines, *prose] for part in line.split("#")[0].split("&&")]
    parts = [part.replace(".venv/bin/mobench", "mobench") for part in parts]
    return [p for p in dict.fromkeys(parts) if p.startswith("mobench ") and not any(name in p for name in INVENTED)]


CASES = [(path, line) for path in READMES for line in commands(path)]


@pytest.mark.parametrize(("path", "line"), CASES, ids=[f"{p.parent.name}: {line}" for p, line in CASES])
def test_a_command_is_taken(path: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line)[1:]
    planned: list[Any] = []

    def plan_only(suite: suites.Suite, *rest: Any) -> None:
        planned.append(suites.plan(suite))
        raise typer.Exit

    monkeypatch.setattr(run_command, "_run", plan_only)
    if words[0] == "run":
        app(words, standalone_mode=False)
        assert planned[0].jobs
    elif words[0] in ("tune", "trade-off") and len(words) > 1:
        suite = suites.load(words[1])
        assert (suite.search if words[0] == "tune" else suite.trade_off) is not None
    else:
        # the command exists, and takes these options
        known = {command.name: command for command in typer.main.get_command(app).commands.values()}  # type: ignore[attr-defined]
        assert words[0] in known, line
        taken = {option for parameter in known[words[0]].params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= taken, line


def test_there_are_commands_to_test() -> None:
    assert len(CASES) > 30
