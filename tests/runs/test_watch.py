"""Limits of a process."""

from __future__ import annotations

import subprocess
import sys

import psutil

from mobench.runs.executors.limits import Watch
from mobench.runs.exit_kinds import ExitKind

HUNGRY = "held = bytearray(300_000_000); import time; time.sleep(300)"


def test_a_process_that_takes_too_much_memory_is_ended_and_told() -> None:
    process = subprocess.Popen([sys.executable, "-c", HUNGRY], text=True)
    with Watch(process, None, 100_000_000) as watch:
        assert process.wait(60) == -9
    assert watch.excess is not None
    assert watch.excess.kind is ExitKind.OUT_OF_MEMORY
    assert "100 MB are allowed (--memory)" in watch.excess.description


def test_the_memory_of_children_counts_and_they_are_ended_too() -> None:
    parent = (
        f"import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', {HUNGRY!r}]);"
        "print(child.pid, flush=True); child.wait()"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], text=True, stdout=subprocess.PIPE)
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    with Watch(process, None, 100_000_000) as watch:
        assert process.wait(60) == -9
    process.stdout.close()
    assert watch.excess is not None
    assert _has_ended(child)


def test_within_its_limits_a_process_is_left_alone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"], text=True)
    with Watch(process, 60, 10**12) as watch:
        assert process.wait(60) == 0
    assert watch.excess is None


def _has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; its exit status may not have been collected yet."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
