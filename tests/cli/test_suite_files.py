"""A device, a pipe, a folder or a huge file instead of a suite file: an error in one line, and it is not read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from mobench.cli import main
from mobench.files import MAX_SUITE_BYTES
from mobench.plugins import SuiteFile, registry

REASONS = {
    "device": "not a regular file",
    "pipe": "not a regular file",
    "folder": "Is a directory",
    "large": f"it has {2**33} bytes, at most {MAX_SUITE_BYTES} are read",
    "missing": "No such file or directory",
}


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """A name for each thing that is no suite file, which is also that of a registered suite."""
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    (tmp_path / "device.toml").symlink_to("/dev/zero")
    with open(tmp_path / "large.toml", "wb") as file:
        file.truncate(2**33)
    path_by_name = {name: tmp_path / f"{name}.toml" for name in REASONS}
    suites = registry().entries["suite"]
    for name, path in path_by_name.items():
        entry = replace(suites["quick"], spec=SuiteFile(name, path, "no suite"))
        monkeypatch.setitem(suites, name, entry)
    monkeypatch.chdir(tmp_path)
    return path_by_name


def error_of(words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the single error line of a command."""
    monkeypatch.setattr(sys, "argv", ["mobench", *words])
    assert main._run() == 2
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    return errors[0]


def commands(name: str) -> Iterator[list[str]]:
    yield ["show", name, "--kind", "suite"]
    yield ["run", name, "--dry-run"]
    yield ["run", name]
    yield ["tune", name, "--dry-run"]


@pytest.mark.parametrize("name", REASONS)
def test_a_registered_suite_whose_file_is_none(
    paths: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in commands(name):
        error = error_of(words, monkeypatch, capsys)
        assert f"suite file {name}.toml cannot be read: " in error
        assert REASONS[name] in error


@pytest.mark.parametrize("name", REASONS)
def test_a_path_that_is_no_suite_file(
    paths: dict[str, Path], name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in list(commands(f"./{name}.toml"))[1:]:
        error = error_of(words, monkeypatch, capsys)
        assert f"suite file {name}.toml cannot be read: " in error
        assert REASONS[name] in error


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/stdin", "./pipe", "./folder", "/"])
def test_a_path_without_the_ending_of_a_suite_file(
    paths: dict[str, Path], path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe")
    os.mkdir("folder")
    for words in list(commands(path))[1:]:
        assert f"no suite is called {path!r}" in error_of(words, monkeypatch, capsys)


@pytest.mark.parametrize("path", ["/dev/zero", "./pipe.toml", "./folder.toml", "./device.toml", "./large.toml"])
def test_show_takes_names_and_reads_no_path(
    paths: dict[str, Path], path: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"no plugin or column is called {path!r}" in error_of(["show", path], monkeypatch, capsys)
