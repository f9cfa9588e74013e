"""Packages that `mobench new` writes, installed by pip: checked, and their own tests run, as they are written."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from readmes import shortened
from readmes.pages import commands_in
from readmes.preloaded import Preloaded

from mobench.scaffold.package_names import NEW_KINDS

ROOT = Path(__file__).parents[2]
Cli = Any


def process(*words: Any, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, words)), cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def projects_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a package of each kind, and `site`, where they are installed."""
    folder = tmp_path_factory.mktemp("made")
    for kind in NEW_KINDS:
        done = process(
            Path(sys.executable).parent / "mobench", "new", kind, f"my-{kind}", cwd=folder, env=dict(os.environ)
        )
        assert done.returncode == 0, done.stderr
        assert f"pip install -e mobench-my-{kind} && mobench check mobench-my-{kind}" in done.stdout
    words = ["-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--target", "site"]
    projects = [f"./mobench-my-{kind}" for kind in NEW_KINDS]
    done = process(sys.executable, *words, *projects, cwd=folder, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def seeing(projects_dir: Path, environment: dict[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(projects_dir / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**environment, "PYTHONPATH": path}


@pytest.mark.slow
@pytest.mark.parametrize("kind", NEW_KINDS)
def test_the_commands_of_its_readme_run(
    kind: str, projects_dir: Path, preloaded: Preloaded, environment: dict[str, str], tmp_path: Path
) -> None:
    """The plugin passes every check as written and appears in a leaderboard. The other commands have tests below."""
    readme = (projects_dir / f"mobench-my-{kind}" / "README.md").read_text()
    lines = [command.text for command in commands_in(readme, kind) if command.text.startswith("mobench ")]
    assert [line.split()[1] for line in lines] == ["check", "run"]
    for suite in (projects_dir / f"mobench-my-{kind}").glob("compare.toml"):
        shutil.copy(suite, tmp_path)
    for line in lines:
        done = preloaded.run(shortened.words(line, tmp_path), tmp_path, environment, [str(projects_dir / "site")])
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
        if line.startswith("mobench check"):
            assert f"{kind} my-{kind}, mobench-my-{kind} 0.1.0" in done.stdout
            assert " 0 failed" in done.stdout.splitlines()[-1]
    table = (tmp_path / "results" / f"my-{kind}" / "leaderboard.md").read_text()
    assert f"my-{kind}" in table
    assert "| complete |" in table


@pytest.mark.slow
def test_their_own_tests_pass_as_written(projects_dir: Path, seeing: dict[str, str]) -> None:
    """All run in one process, which imports torch once."""
    words = ["-m", "pytest", "-v", "-p", "no:cacheprovider", "--import-mode=importlib", "-W", "error"]
    folders = [f"mobench-my-{kind}/tests" for kind in NEW_KINDS]
    done = process(sys.executable, *words, *folders, cwd=projects_dir, env=seeing)
    assert done.returncode == 0, done.stdout
    for kind in NEW_KINDS:
        # the folder that pytest shows is that of the first package
        assert re.search(rf"/test_{kind}\.py::.* PASSED", done.stdout)
        assert re.search(rf"::test_conformance\[{kind} my-{kind}: .* PASSED", done.stdout)


@pytest.mark.slow
def test_they_are_typed_linted_and_formatted(projects_dir: Path) -> None:
    ruff = Path(sys.executable).parent / "ruff"
    for kind in NEW_KINDS:
        for words in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
            done = process(ruff, *words, cwd=projects_dir / f"mobench-my-{kind}", env=dict(os.environ))
            assert done.returncode == 0, done.stdout
    path = os.pathsep.join([str(ROOT), *(str(projects_dir / f"mobench-my-{kind}") for kind in NEW_KINDS)])
    files = [projects_dir / f"mobench-my-{kind}" / f"mobench_my_{kind}" for kind in NEW_KINDS]
    settings = ["--config-file", ROOT / "pyproject.toml", "--strict"]
    done = process(sys.executable, "-m", "mypy", *settings, *files, cwd=ROOT, env={**os.environ, "MYPYPATH": path})
    assert done.returncode == 0, done.stdout


def test_nothing_is_overwritten(cli: Cli, tmp_path: Path) -> None:
    assert cli("new", "solver", "mine").returncode == 0
    file = tmp_path / "mobench-mine" / "mobench_mine" / "solver.py"
    file.write_text("mine")
    second_call = cli("new", "model", "mine")
    assert second_call.returncode == 2
    assert "exists already: choose another name or another --out" in second_call.stderr
    assert file.read_text() == "mine"
    assert not (file.parent / "model.py").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("solvr", "mine"), "did you mean 'solver'"),
        (("solver", "9lives"), "starts with a digit"),
        (("solver", "../up"), "is not valid for a package"),
        (("solver", "--", "-"), "is empty"),
        (("solver", "x" * 31), "has 31 characters: give at most 30"),
        (("solver", "phn-ls"), "solver 'phn-ls' is registered already, by mobench"),
        (("model", "plugin-none", "--out", "/dev/null"), "choose another folder with --out"),
    ],
)
def test_what_cannot_be_made_is_refused_with_what_to_do(cli: Cli, tmp_path: Path, words: Any, message: str) -> None:
    done = cli("new", *words)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("mobench-*"))


def test_a_disk_that_is_full_leaves_nothing_and_is_told(tmp_path: Path) -> None:
    mobench = Path(sys.executable).with_name("mobench")
    # no file may hold a byte, as on a full disk; standard output and error are pipes
    done = subprocess.run(
        ["/bin/sh", "-c", 'ulimit -f 0; exec "$0" new solver mine', mobench],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    assert done.returncode == 2, done.stderr
    assert "mobench-mine cannot be written (File too large): make room, or choose another folder" in done.stderr
    assert not list(tmp_path.iterdir())


def test_a_name_is_written_as_names_are(cli: Cli, tmp_path: Path) -> None:
    done = cli("new", "balancer", "My_Method")
    assert done.returncode == 0, done.stderr
    assert "note: 'My_Method' is written my-method" in done.stdout
    assert "class MyMethodBalancer" in (tmp_path / "mobench-my-method/mobench_my_method/balancer.py").read_text()
