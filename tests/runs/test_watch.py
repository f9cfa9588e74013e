"""Limits of a process."""

from __future__ import annotations

import subprocess
import sys

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


def test_children_count() -> None:
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HUNGRY!r}])"
    process = subprocess.Popen([sys.executable, "-c", parent], text=True, start_new_session=True)
    import os
    import signal

    with Watch(process, None, 100_000_000) as watch:
        assert process.wait(60) == -9
    os.killpg(process.pid, signal.SIGKILL)
    assert watch.excess is not None


def test_within_its_limits_a_process_is_left_alone() -> None:
    process = subprocess.Popen([sys.executable, "-c", "pass"], text=True)
    with Watch(process, 60, 10**12) as watch:
        assert process.wait(60) == 0
    assert watch.excess is None
