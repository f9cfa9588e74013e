"""Process trees: find and kill all descendants of a process. Imports no heavy modules."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from contextlib import suppress
from typing import NoReturn

SET_PARENT_DEATH_SIGNAL, SET_CHILD_SUBREAPER = 1, 36
"""Options of prctl, with the values of linux/prctl.h."""
KILL_SECONDS = 5.0
"""Time to wait for killed processes to end. A process in an uninterruptible system call may take longer."""
PAUSE_SECONDS = 0.01


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends, also of those in other sessions (Linux only)."""
    _prctl(SET_CHILD_SUBREAPER, 1)


def end_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux only)."""
    _prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def end_process(code: int) -> NoReturn:
    """End this process after its exit handlers, without freeing the objects of the interpreter.

    With torch imported, freeing them takes 0.4 core-seconds, which is more than some jobs train.
    """
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, as at the end of the interpreter
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        # a stream may be missing, closed by a plugin, or write to a full disk
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
    os._exit(code)


def descendants(pid: int) -> list[int]:
    """Return the ids of all descendants of a process, without the process itself."""
    if not os.path.isdir("/proc/self"):
        return _descendants_elsewhere(pid)
    children: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):
        if name.isdecimal() and (parent := _parent(name)) is not None:
            children[parent].append(int(name))
    pids, new = [], [pid]
    while new:
        new = [child for parent in new for child in children[parent]]
        pids += new
    return pids


def kill_all(pid: int) -> None:
    """Kill a process, its process group and all its descendants."""
    # a stopped process starts no more children, but still adopts its descendants, so that none can escape
    _send(pid, signal.SIGSTOP)
    end = time.monotonic() + KILL_SECONDS
    while (children := [child for child in descendants(pid) if _is_alive(child)]) and time.monotonic() < end:
        for child in children:
            _send(child, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    _send(pid, signal.SIGKILL)


def end_children() -> None:
    """Kill and reap all descendants of this process."""
    end = time.monotonic() + KILL_SECONDS
    while time.monotonic() < end:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        for child in descendants(os.getpid()):
            _send(child, signal.SIGKILL)
        time.sleep(PAUSE_SECONDS)


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _parent(pid: str) -> int | None:
    fields = _stat(pid)
    return int(fields[1]) if fields else None


def _is_alive(pid: int) -> bool:
    """Return whether a process is running or stopped. A zombie is not alive."""
    if not os.path.isdir("/proc/self"):
        return True
    fields = _stat(str(pid))
    return bool(fields) and fields[0] not in ("Z", "X")


def _stat(pid: str) -> list[str]:
    """Return the fields of /proc/<pid>/stat after the name (state, parent, ...; see proc(5)), or [] for no process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _descendants_elsewhere(pid: int) -> list[int]:
    import psutil

    with suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children(recursive=True)]
    return []


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)
