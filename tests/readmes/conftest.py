"""Fixture for the tests of READMEs: the package that a reader of README.md writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from readmes.pages import ROOT, blocks
from shared_folders import shared_folder


@pytest.fixture(scope="session")
def authors(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the package that README.md shows with pip; return the folder to put on `sys.path`."""
    parts = [text for language, text in blocks((ROOT / "README.md").read_text()) if language != "sh"]
    (method,) = [text for text in parts if "class Worst" in text]
    (hooks,) = [text for text in parts if "def mobench_solvers" in text]
    (points,) = [text for text in parts if "[project.entry-points.mobench]" in text]

    def install(folder: Path) -> None:
        _install(folder, hooks, method, points)

    return shared_folder(tmp_path_factory, "authors", install) / "site"


def _install(folder: Path, hooks: str, method: str, points: str) -> None:
    """Install the package of these three files into the folder `site`."""
    package = folder / "project" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(hooks)
    (package / "worst.py").write_text(method)
    build = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    project = '[project]\nname = "my-package"\nversion = "1.0"\n'
    (folder / "project" / "pyproject.toml").write_text(f"{build}\n{project}\n{points}")
    words = ["-m", "pip", "install", "-q", "--no-build-isolation", "--no-deps", "--target", "site", "./project"]
    done = subprocess.run([sys.executable, *words], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
