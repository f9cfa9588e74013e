"""A guest's wheel and mobench's wheel in a fresh environment: listed, checked and run from there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import fresh
import pytest

pytestmark = pytest.mark.slow

GUEST = Path(__file__).parent / "guests" / "whole"
NAMES = ("circles", "place", "between", "worst", "guest-worst", "walk")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an environment that has both wheels, installed with their requirements looked at."""
    folder = tmp_path_factory.mktemp("wheels")
    fresh.fresh(folder / ".venv", folder / "lent")
    for project in (fresh.ROOT, GUEST):
        wheel_path = fresh.wheel(project, folder / "dist")
        done = run(folder, "python", "-m", "pip", "install", "-q", str(wheel_path))
        assert done.returncode == 0, done.stderr
    return folder


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = fresh.environment(folder / ".venv", folder)
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=280, check=False)


def test_what_runs_is_what_was_installed(place: Path) -> None:
    program = "import mobench, guest_whole.parts, mobench_phn; print(mobench.__file__, mobench_phn.__file__)"
    done = run(place, "python", "-c", program)
    assert done.returncode == 0, done.stderr
    for path in done.stdout.split():
        assert Path(path).is_relative_to(place / ".venv")


def test_the_guest_is_listed_and_nothing_is_broken(place: Path) -> None:
    done = run(place, "mobench", "list")
    assert (done.returncode, done.stderr) == (0, "")
    for name in NAMES:
        (line,) = [line for line in done.stdout.splitlines() if line.split()[:1] == [name]]
        assert "guest-whole 3.1" in line
    assert run(place, "mobench", "plugins", "--strict").returncode == 0


def test_the_guest_passes_every_check(place: Path) -> None:
    done = run(place, "mobench", "check", "guest-whole")
    assert done.returncode == 0, done.stdout + done.stderr
    for name in NAMES:
        assert f" {name}, guest-whole 3.1" in done.stdout
    assert " 0 failed" in done.stdout.splitlines()[-1]


def test_the_guest_stands_in_a_leaderboard(place: Path) -> None:
    (place / "guest.toml").write_text(
        "seeds = [0]\n[budget]\nsteps = 20\n[[entries]]\ndatasets = ['circles']\nmodels = ['place']\n"
        "solvers = ['guest-worst', 'walk', 'between+worst', 'ls']\n"
    )
    done = run(place, "mobench", "run", "guest.toml", "--out", "out")
    assert done.returncode == 0, done.stderr
    table = (place / "out" / "leaderboard.md").read_text()
    for solver in ("guest-worst", "walk", "between+worst", "ls"):
        assert f"| {solver} |" in table
    assert table.count("| complete |") == 4


def test_a_package_is_written_from_the_wheel(place: Path) -> None:
    """Templates are in it."""
    done = run(place, "mobench", "new", "dataset", "dots", "--out", "made")
    assert done.returncode == 0, done.stderr
    assert (place / "made" / "mobench-dots" / "mobench_dots" / "dataset.py").is_file()
