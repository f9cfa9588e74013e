"""What tests of executors share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gated import Gate


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """One that every process started from here on has."""
    made = Gate(tmp_path / "site")
    paths = [str(made.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return made
