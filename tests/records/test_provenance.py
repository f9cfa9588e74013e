"""The provenance of a record: what it states about the machine, and what it leaves out."""

from __future__ import annotations

import getpass
import json
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from mobench.records import provenance

STARTED = datetime(2024, 2, 29, 23, 59, 58, 123456, tzinfo=UTC)


@pytest.fixture
def uncached() -> None:
    """Clear the caches of values that are determined once per process."""
    provenance._git.cache_clear()


def test_versions_times_and_device_are_told() -> None:
    collected = provenance.collect(STARTED, "cpu", 3)
    assert collected.started == "2024-02-29T23:59:58+00:00"
    assert timedelta(0) <= datetime.now(UTC) - datetime.fromisoformat(collected.finished) < timedelta(minutes=1)
    assert (collected.mobench, collected.python) == (version("mobench"), platform.python_version())
    assert (collected.threads, collected.device) == (3, "cpu")
    for package in ("torch", "numpy", "mobench"):
        assert collected.packages[package] == version(package)
    assert list(collected.packages) == sorted(collected.packages)


def test_neither_host_nor_user_nor_folder_is_told() -> None:
    home = str(Path.home())
    command = [f"{sys.prefix}/bin/mobench", "run", f"{home}/secret/mine.toml", "--out", "~/secret/out", "--set", "a=1"]
    collected = provenance.collect(STARTED, "cpu", 1, command)
    assert collected.command == ["mobench", "run", "mine.toml", "--out", "out", "--set", "a=1"]
    text = json.dumps(collected.model_dump(exclude={"packages"}))
    assert platform.node() not in text
    assert "secret" not in text
    assert f"/{getpass.getuser()}" not in text


@pytest.mark.parametrize("word", ["--out=/srv/secret/out", "--out=~/secret/out", "source=/srv/secret/file.pickle"])
def test_folders_behind_an_equals_sign_are_not_told_either(word: str) -> None:
    (recorded_word,) = provenance.collect(STARTED, "cpu", 1, [word]).command
    assert "secret" not in recorded_word
    assert recorded_word.split("=")[0] == word.split("=")[0]


def test_the_commit_is_that_of_the_code(uncached: None) -> None:
    """The code is a checkout with a known history, which replaces the one that mobench runs from."""
    commit = provenance._git()
    package_dir = Path(provenance.__file__).parent
    git_process = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=package_dir, capture_output=True, text=True, check=False
    )
    if git_process.returncode == 0:
        assert commit is not None
        assert git_process.stdout.startswith(commit.removesuffix("-dirty"))
    else:
        assert commit is None


@pytest.mark.parametrize("error", [OSError("no git"), subprocess.TimeoutExpired("git", 10)])
def test_without_git_there_is_no_commit_and_no_error(
    uncached: None, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: object, **more: object) -> None:
        raise error

    monkeypatch.setattr(subprocess, "run", fail)
    assert provenance._git() is None
    provenance._git.cache_clear()


def test_a_package_that_is_not_there_has_no_version() -> None:
    assert provenance._version("a-package-that-nobody-has") is None


def test_the_hash_of_a_package_is_of_its_code_without_documentation_and_compiled_files(tmp_path: Path) -> None:
    from mobench.records.sources import content_hash

    (tmp_path / "__init__.py").write_text("X = 1\n")
    before = content_hash(tmp_path)
    for name in ("docs/_generated/page.md", "docs/conf.py", "__pycache__/a.pyc"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("page")
    assert content_hash(tmp_path) == before
    (tmp_path / "data.txt").write_text("1")
    assert content_hash(tmp_path) != before


def test_tables_of_results_do_not_make_a_checkout_dirty(tmp_path: Path) -> None:
    """A run writes tables into `results`; a later run in the same checkout has the code of the commit still."""
    (tmp_path / "mobench").mkdir()
    (tmp_path / "results").mkdir()
    code, table = tmp_path / "mobench" / "module.py", tmp_path / "results" / "leaderboard.md"
    for path in (code, table):
        path.write_text("first\n")
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    for words in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "First"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    clean = provenance.commit_of(tmp_path / "mobench")
    assert clean is not None
    assert not clean.endswith("-dirty")
    table.write_text("second\n")
    assert provenance.commit_of(tmp_path / "mobench") == clean
    code.write_text("second\n")
    assert provenance.commit_of(tmp_path / "mobench") == f"{clean}-dirty"
