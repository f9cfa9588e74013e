"""A process and its limits: ended when it takes too long or too much memory."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import psutil

from mobench.runs.processes import kill_all

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Excess:
    """The limit that a process went beyond: `kind` as failures are called, and a sentence's end."""

    kind: str
    said: str


class Watch:
    """Kills a process, and all that it started, at the first limit it goes beyond; `excess` says which.

    timeout: seconds by a clock that is never set; None: no limit.
    memory:  bytes in memory of the process and its children, looked at ten times a second; None: no limit.
        The system's own limits are of no use here: torch reserves many times the addresses that it uses, and
        what is counted as data or address space has little to do with what is taken from others.
    """

    def __init__(self, process: subprocess.Popen[str], timeout: float | None, memory: int | None) -> None:
        self.excess: Excess | None = None
        self._process, self._timeout, self._memory = process, timeout, memory
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        if self._timeout is not None or self._memory is not None:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _look(self) -> None:
        began = time.monotonic()
        while not self._over.wait(self._pause(time.monotonic() - began)):
            self.excess = self._excess(time.monotonic() - began)
            if self.excess is not None:
                kill_all(self._process.pid)
                return

    def _pause(self, elapsed: float) -> float:
        left = float("inf") if self._timeout is None else max(0.0, self._timeout - elapsed)
        return min(left, LOOK_SECONDS if self._memory is not None else left)

    def _excess(self, elapsed: float) -> Excess | None:
        if self._timeout is not None and elapsed >= self._timeout:
            return Excess("TimedOut", f"timed out after {self._timeout:g} seconds (--timeout)")
        if self._memory is not None and (taken := resident_bytes(self._process.pid)) > self._memory:
            return Excess(
                "OutOfMemory", f"took {_mb(taken)} MB of memory, {_mb(self._memory)} MB are allowed (--memory)"
            )
        return None


def resident_bytes(pid: int) -> int:
    """Memory in use by a process and its children; 0 once it has ended."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    return sum(map(_resident, family))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return 0


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.0f}"
