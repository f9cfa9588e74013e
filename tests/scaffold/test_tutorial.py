"""The snippets of the README. `follow_the_tutorial` is no test yet: it has not been seen to end."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import fresh
import pytest

TUTORIAL = fresh.ROOT / "mobench" / "scaffold" / "TUTORIAL.md"
README = fresh.ROOT / "README.md"
FULL = "MOBENCH_FULL_TUTORIAL" in os.environ


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and text of every block, in order."""
    return re.findall(r"```(\w+)\n(.*?)```", text, re.S)


def script(path: Path) -> str:
    """All blocks as one shell script: Python is run, the suite is saved under the name that the text gives it."""
    (suite,) = re.findall(r"this is `(\w+\.toml)`", path.read_text())
    into = {"python": "python -W error -", "toml": f"cat > {suite}"}
    made = ["set -e"]
    whole = path.read_text()
    for language, text in blocks(whole if FULL else whole.split("## 3.")[0]):
        if language == "sh":
            made.append(text)
        else:
            made.append(f"{into[language]} <<'END'\n{text}END")
    return "\n".join(made)


def follow_the_tutorial(tmp_path: Path) -> None:
    home, folder = tmp_path / "home", tmp_path / "empty"
    home.mkdir()
    folder.mkdir()
    (home / "mobench").symlink_to(fresh.ROOT)
    fresh.fresh(folder / ".venv", tmp_path / "lent")
    environment = fresh.environment(folder / ".venv", home)
    done = subprocess.run(
        ["bash", "-c", script(TUTORIAL)], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    where = subprocess.run(
        [folder / ".venv/bin/python", "-c", "import mobench; print(mobench.__file__)"],
        cwd=folder, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(folder / ".venv")
    assert "exponent; 1 is the weighted sum" in done.stdout
    if FULL:
        for row in ("phn-steep", "phn-ls", "stack+steep"):
            assert re.search(rf"^\W*{re.escape(row)}\b", done.stdout, re.M), done.stdout


def test_the_readmes_package_is_one_that_passes_and_runs(
    cli: Any, environment: dict[str, str], tiny: Path, tmp_path: Path
) -> None:
    text = [text for language, text in blocks(README.read_text()) if language != "sh"]
    (method,) = [block for block in text if "class Worst" in block]
    (hooks,) = [block for block in text if "def mobench_solvers" in block]
    (points,) = [block for block in text if "[project.entry-points.mobench]" in block]
    package = tmp_path / "project" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(hooks)
    (package / "worst.py").write_text(method)
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    project = '[project]\nname = "my-package"\nversion = "1.0"\n'
    (tmp_path / "project" / "pyproject.toml").write_text(f"{build}\n{project}\n{points}")
    words = ["-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--target", "site", "./project"]
    done = subprocess.run([sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    path = os.pathsep.join([str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    checked = cli("check", "worst", "my-worst", env={"PYTHONPATH": path})
    assert checked.returncode == 0, checked.stdout
    solvers = "my-worst,phn-ls,phn+worst,stack+worst"
    done = cli("run", tiny, "--solver", solvers, "--out", "out", env={"PYTHONPATH": path})
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out" / "leaderboard.md").read_text().count("| complete |") == 4


SELF_CONTAINED = [
    text
    for language, text in blocks(README.read_text())
    if language == "python" and "class Worst" not in text and "def mobench_solvers" not in text
]


@pytest.mark.parametrize("text", SELF_CONTAINED)
def test_a_python_snippet_of_the_readme_runs(text: str) -> None:
    done: dict[str, Any] = {}
    exec(compile(text, "README.md", "exec"), done)
    assert done["hyper"].weight.grad.abs().sum() > 0


def test_no_readme_has_a_snippet_that_is_not_tested() -> None:
    """Shell lines of all READMEs are those of tests/cli/test_readme_commands.py."""
    others = [*(fresh.ROOT / "plugins").glob("*/README.md"), fresh.ROOT / "CONTRIBUTING.md"]
    assert {language for path in others for language, _ in blocks(path.read_text())} <= {"sh"}
    assert len(SELF_CONTAINED) == 1
    assert [language for language, _ in blocks(README.read_text())].count("python") == 3
