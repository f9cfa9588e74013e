"""`python -m mobench.reports.remake` writes the tables that a folder has, from its records."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

RESULTS = Path(__file__).parents[2] / "results"


@pytest.mark.slow
def test_tables_are_made_again_from_the_records_alone(tmp_path: Path) -> None:
    folder = tmp_path / "recommendation"
    shutil.copytree(RESULTS / "recommendation" / "records", folder / "records")
    for name in ("leaderboard.md", "leaderboard.csv"):
        (folder / name).write_text("an earlier table")
    done = subprocess.run(
        [sys.executable, "-m", "mobench.reports.remake", str(folder)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(folder / name) for name in ("leaderboard.md", "leaderboard.csv")]
    for name in ("leaderboard.md", "leaderboard.csv"):
        assert (folder / name).read_text() == (RESULTS / "recommendation" / name).read_text()
    assert not (folder / "leaderboard.tex").exists()
