"""Where jobs run: here, each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from mobench.runs.worker import Request

Tell = Callable[[dict[str, Any]], None]
GRACE_SECONDS = 5.0


@dataclass(frozen=True)
class Exit:
    """How a worker ended: what it said last, and, where that was not a record, why."""

    status: str | None
    message: str = ""
    details: str = ""


class Executor(Protocol):
    """Runs one request and waits for it; `slots` requests may be under way at once."""

    slots: int

    def run(self, request: Request, tell: Tell) -> Exit:
        """Run a job elsewhere; its record is written there. Progress goes to `tell`."""

    def stop(self) -> None:
        """End everything that is under way; returns when it has ended."""


@dataclass
class LocalExecutor:
    """A process per job on this machine: one that crashes takes only its job along.

    slots: jobs at once; the processor's cores are divided among them.
    timeout: seconds after which a job is ended and recorded as failed; None: never.
    """

    slots: int = 1
    timeout: float | None = None
    _running: set[subprocess.Popen[str]] = field(default_factory=set, repr=False)
    _stopped: bool = field(default=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def threads(self) -> int:
        """Threads of each job."""
        return max(1, available_cores() // self.slots)

    def run(self, request: Request, tell: Tell) -> Exit:
        with tempfile.TemporaryFile("w+") as errors:
            process = self._start(errors)
            if process is None:
                return Exit(None, "stopped before it started")
            timed_out = threading.Event()
            timer = self._timer(process, timed_out)
            # a worker's own children keep its pipes open: they end with it
            threading.Thread(target=_reap, args=(process,), daemon=True).start()
            try:
                last = _converse(process, request, tell)
            finally:
                timer.cancel()
                process.wait()
                with self._guard:
                    self._running.discard(process)
            if last.get("phase") == "done":
                return Exit(str(last["status"]))
            if last.get("phase") == "error":
                return Exit(None, str(last["message"]), "store")
            reason = f"timed out after {self.timeout} seconds" if timed_out.is_set() else _how(process.returncode)
            return Exit(None, f"the job's process {reason}", _tail(errors))

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            running = list(self._running)
        for process in running:
            process.terminate()
        for process in running:
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _start(self, errors: IO[str]) -> subprocess.Popen[str] | None:
        threads = str(self.threads)
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        with self._guard:
            if self._stopped:
                return None
            process = subprocess.Popen(
                [sys.executable, "-m", "mobench.runs.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                # a Ctrl-C on the terminal reaches the runner alone, which then stops its workers
                start_new_session=True,
            )
            self._running.add(process)
            return process

    def _timer(self, process: subprocess.Popen[str], fired: threading.Event) -> threading.Timer:
        def end() -> None:
            fired.set()
            process.kill()

        timer = threading.Timer(self.timeout or 0, end)
        timer.daemon = True
        if self.timeout is not None:
            timer.start()
        return timer


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _converse(process: subprocess.Popen[str], request: Request, tell: Tell) -> dict[str, Any]:
    """Send the request and pass events on until the worker ends; its last event."""
    assert process.stdin is not None
    assert process.stdout is not None
    # dead before it has read everything: its exit code tells why
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(request.model_dump_json())
    last: dict[str, Any] = {}
    with process.stdout:
        for line in process.stdout:
            try:
                last = json.loads(line)
            except json.JSONDecodeError:
                continue  # cut short by the worker's death, which its exit code tells
            tell(last)
    return last


def _reap(process: subprocess.Popen[str]) -> None:
    """End what is left of a worker's session once the worker has ended."""
    process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _how(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with exit code {code} and left no record"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def _tail(errors: IO[str], n_lines: int = 20) -> str:
    errors.seek(0)
    return "".join(errors.readlines()[-n_lines:])
