"""The reference is made by the command that the README gives, and nothing in it warns."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_readme_command_makes_the_reference_without_a_warning(tmp_path: Path) -> None:
    found = re.search(r"`python (-W error -m pdoc -o api [^`]+)`", (ROOT / "README.md").read_text())
    assert found, "README gives the command"
    done = subprocess.run([sys.executable, *found[1].split()], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    page = (tmp_path / "api" / "mobench" / "interfaces.html").read_text()
    for name in ("Balancer", "Dataset", "Generator", "Model", "Solver"):
        assert f'id="{name}"' in page
