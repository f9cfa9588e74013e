"""Time and memory limits of a process: the process is killed when it exceeds one."""

from __future__ import annotations

import subprocess
import threading
import time
from dataclasses import dataclass
from types import TracebackType

import psutil

from mobench.runs.exit_kinds import ExitKind
from mobench.runs.job_server import ServedProcess
from mobench.runs.processes import kill_all

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Excess:
    """The limit that a process exceeded.

    kind:        kind of the failure.
    description: end of the failure message, whose subject is the process.
    """

    kind: ExitKind
    description: str


class Watch:
    """Kills a process and all its descendants when the process exceeds a limit; `excess` is that limit.

    timeout: seconds on a monotonic clock. None: no limit.
    memory:  resident bytes of the process and its children, measured ten times a second. None: no limit.
        The limits of the operating system (setrlimit) cannot be used: torch reserves many times the address space
        that it uses, so the size of the data segment or of the address space says little about memory use.
    has_supervisor: whether the process only waits for its children. Its own memory is then not counted: it is a copy
        of the job server's, which has imported torch.
    """

    def __init__(
        self,
        process: subprocess.Popen[str] | ServedProcess,
        timeout: float | None,
        memory: int | None,
        has_supervisor: bool = False,
    ) -> None:
        self.excess: Excess | None = None
        self._has_supervisor = has_supervisor
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
            return Excess(ExitKind.TIMED_OUT, f"timed out after {self._timeout:g} seconds (--timeout)")
        if (
            self._memory is not None
            and (n_bytes := resident_bytes(self._process.pid, self._has_supervisor)) > self._memory
        ):
            message = f"took {_mb(n_bytes)} MB of memory, {_mb(self._memory)} MB are allowed (--memory)"
            return Excess(ExitKind.OUT_OF_MEMORY, message)
        return None


def resident_bytes(pid: int, has_supervisor: bool = False) -> int:
    """Return the resident memory of a process and its descendants in bytes, or 0 if the process has ended.

    has_supervisor: whether the process itself is not counted.
    """
    try:
        process = psutil.Process(pid)
        family = [*([] if has_supervisor else [process]), *process.children(recursive=True)]
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
