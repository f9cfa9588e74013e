"""`mobench verify` and `mobench run --strategy` through the installed command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from in_process import IN_PROCESS

Cli = Any


def records(folder: Path) -> list[Path]:
    return sorted((folder / "records").glob("*.json"))


@pytest.mark.slow
def test_a_record_is_verified_and_a_changed_one_is_not(cli: Cli, finished: Path, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    shutil.copy(records(finished)[0], path)
    done = cli("verify", str(path), "--quiet")
    assert done.returncode == 0, done.stderr
    assert "identical: every" in done.stdout or "agrees: each" in done.stdout
    assert "steps" in done.stdout
    assert "not compared, training" in done.stdout
    data = json.loads(path.read_text())
    data["indicators"]["test"]["hypervolume"] *= 1.5
    path.write_text(json.dumps(data))
    done = cli("verify", str(path), "--quiet")
    assert done.returncode == 1
    assert "DIFFERS" in done.stdout
    assert done.stdout.splitlines()[-1] == "does not agree: hypervolume, test"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--timeout", "0.01"], "timed out after 0.01 seconds (--timeout)"),
        (["--memory", "1MB"], "1 MB are allowed (--memory)"),
        (["--memory", "1,5GB"], "pass a number and a unit"),
    ],
)
def test_a_repetition_has_limits_of_time_and_memory(cli: Cli, finished: Path, words: list[str], message: str) -> None:
    done = cli("verify", str(records(finished)[0]), "--quiet", *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(("content", "message"), [(None, "cannot be read"), ("{}", "is not a record")])
def test_no_record_is_one_line(cli: Cli, tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "record.json"
    if content is not None:
        path.write_text(content)
    done = cli("verify", str(path))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_a_strategy_can_be_pinned_and_is_recorded(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "pinned"
    words = ("--strategy", "layout=contiguous,threads=1", "--out", out, *IN_PROCESS)
    assert cli("run", tiny, *words).returncode == 0
    for path in records(out):
        assert json.loads(path.read_text())["provenance"]["strategy"] == {
            "layout": "contiguous", "stacking": "separate", "evaluation": "separate", "threads": 1, "remark": "",
        }  # fmt: skip


def test_no_strategy_is_one_line(cli: Cli, tiny: Path) -> None:
    done = cli("run", str(tiny), "--strategy", "layout=sideways")
    assert done.returncode == 2
    assert "channels_last or contiguous" in done.stderr
