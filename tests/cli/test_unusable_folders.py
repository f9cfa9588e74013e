"""Folders that may not be entered or cannot exist: a cache is then absent, a store is an error in one line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobench.records.store import Store

Cli = Any
OBEY = "restrictions:obey_permissions"
LONG = "x" * 300


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A folder without any permissions."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    yield folder
    folder.chmod(0o755)


@pytest.fixture
def homeless(cli: Cli, closed: Path) -> Cli:
    """Runs the command with a home folder that it may not enter."""

    def run(*words: Any) -> Any:
        return cli(*words, env={"HOME": str(closed), "XDG_CACHE_HOME": ""}, before=OBEY)

    return run


@pytest.mark.slow
def test_jobs_are_run_under_a_home_that_may_not_be_entered(homeless: Cli, tiny: Path, tmp_path: Path) -> None:
    done = homeless("run", tiny, "--out", "out")
    assert done.returncode == 0, done.stderr
    records = Store(tmp_path / "out").contents().records
    assert [record.status for record in records] == ["completed"] * 2


@pytest.mark.slow
def test_jobs_are_run_beside_a_cache_that_is_read_only(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    for folder in ("kernels", "strategies", "data"):
        (cache / "mobench" / folder).mkdir(parents=True)
    for folder in (*cache.rglob("*"), cache):
        folder.chmod(0o555)
    done = cli("run", tiny, "--solver", "ls", "--out", "out", before=OBEY)
    assert done.returncode == 0, done.stderr
    (record,) = Store(tmp_path / "out").contents().records
    assert record.status == "completed"
    assert all(path.is_dir() for path in cache.rglob("*"))


def test_data_files_in_a_home_that_may_not_be_entered_are_missing(homeless: Cli) -> None:
    listed = homeless("data", "list")
    assert listed.returncode == 0, listed.stderr
    assert "missing" in listed.stdout
    assert "here" not in listed.stdout
    checked = homeless("data", "verify", "mnist")
    assert checked.returncode == 1, checked.stderr


TUNE = """
[budget]
steps = 1
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls"]
[search]
[search.space]
lr = [0.1]
"""
COMMANDS: dict[str, tuple[str, ...]] = {
    "run": ("run", "tiny.toml", "--out", "FOLDER"),
    "tune": ("tune", "tune.toml", "--out", "FOLDER"),
    "leaderboard": ("leaderboard", "FOLDER"),
    "export": ("export", "FOLDER"),
    "report": ("report", "FOLDER"),
    "plot": ("plot", "FOLDER"),
    "trade-off": ("trade-off", "compression", "--out", "FOLDER"),
}


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("location", ["may not be entered", "too long"])
def test_a_folder_that_cannot_be_used_is_an_error_in_one_line(
    cli: Cli, tiny: Path, closed: Path, tmp_path: Path, name: str, location: str
) -> None:
    (tmp_path / "tune.toml").write_text(TUNE)
    folder, reason = {
        "may not be entered": (str(closed / "store"), "Permission denied"),
        "too long": (LONG, "File name too long"),
    }[location]
    words = [word.replace("FOLDER", folder) for word in COMMANDS[name]]
    done = cli(*words, before=OBEY)
    assert done.returncode == 2, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert reason in errors[0]
    assert "this is a bug" not in done.stderr
    assert "Traceback" not in done.stderr
