"""Folders that are made once for all processes of pytest-xdist, because what is in them takes seconds to compute."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock


def shared_folder(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that `make` has filled in one process of this run of pytest. Tests must not change it.

    make: is given the empty folder. If it raises an error, the next process calls it again.
    """
    process_folder = factory.getbasetemp()
    # the processes of pytest-xdist have folders beside each other
    base = process_folder.parent if "PYTEST_XDIST_WORKER" in os.environ else process_folder
    folder, is_complete = base / name, base / f"{name}.complete"
    with FileLock(base / f"{name}.lock"):
        if not is_complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            is_complete.touch()
    return folder
