"""Fixtures of tests of executors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from gated import Gate


@pytest.fixture
def gate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """An environment variable of every process that is started afterwards."""
    new_gate = Gate(tmp_path / "site")
    paths = [str(new_gate.folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return new_gate
