"""`mobench import` and what `mobench leaderboard` then prints, through the installed command."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from mobench.cli.import_ import content_of
from mobench.errors import DataError

Cli = Any
POINTS = "f1,f2,preference f1,preference f2,seed\n0.1,0.9,0.9,0.1,0\n0.8,0.2,0.1,0.9,0\n"


@pytest.fixture
def folder(finished: Path, tmp_path: Path) -> Path:
    shutil.copytree(finished, tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.slow
def test_imported_points_join_the_leaderboard_and_are_marked(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "fronts.csv").write_text(POINTS)
    done = cli("import", "fronts.csv", "--solver", "theirs", "--out", folder, "--source", "a paper")
    assert done.returncode == 0, done.stderr
    assert "imported theirs: seed 0, 2 points each" in done.stdout
    done = cli("leaderboard", folder)
    assert done.returncode == 0, done.stderr
    assert "theirs (imported)" in done.stdout
    assert "was imported (fronts.csv, a paper)" in done.stdout
    board = json.loads(cli("leaderboard", folder, "--json").stdout.splitlines()[0])
    (row,) = [r for r in board["table"] if r["status"] == "imported"]
    assert row["rank"].startswith("(")
    assert all("theirs" not in str(c["average_ranks"]) for c in board["comparisons"])
    second_import = cli("import", "fronts.csv", "--solver", "theirs", "--out", folder)
    assert second_import.returncode == 2
    assert "pass --replace" in second_import.stderr
    assert cli("import", "fronts.csv", "--solver", "theirs", "--out", folder, "--replace").returncode == 0


def test_an_imported_record_cannot_be_verified(cli: Cli, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "fronts.csv").write_text(POINTS)
    before = set((folder / "records").iterdir())
    cli("import", "fronts.csv", "--solver", "theirs", "--out", folder)
    (path,) = [p for p in set((folder / "records").iterdir()) - before if p.suffix == ".json"]
    done = cli("verify", path)
    assert done.returncode == 2
    assert "was imported from fronts.csv" in done.stderr


@pytest.mark.parametrize(
    ("content", "words", "message"),
    [
        ("f1,f3\n1,2\n", (), "that is unknown"),
        ("f1,f2\n1,nan\n", (), "is not a finite number"),
        (POINTS, ("--protocol", "other-9"), "they are not comparable"),
        (POINTS, ("--dataset", "zdt9"), "zdt9"),
    ],
)
def test_what_does_not_fit_is_one_line_and_writes_nothing(
    cli: Cli, folder: Path, tmp_path: Path, content: str, words: tuple[str, ...], message: str
) -> None:
    (tmp_path / "fronts.csv").write_text(content)
    before = sorted((folder / "records").iterdir())
    done = cli("import", "fronts.csv", "--solver", "theirs", "--out", folder, *words)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert sorted((folder / "records").iterdir()) == before


@pytest.mark.parametrize(("name", "message"), [("pipe", "regular file"), ("huge", "at most"), (".", "directory|file")])
def test_a_pipe_or_too_much_is_refused_without_being_read(tmp_path: Path, name: str, message: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match=rf"cannot be read: .*({message})"):
        content_of(tmp_path / name)
