"""Local executor: runs each job in a process of its own on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, TypeAlias

from mobench.runs.conversation import converse
from mobench.runs.executors.base import Exit, Limits, refuse
from mobench.runs.executors.limits import Watch
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.job_server import JobServer, ServedProcess, is_supported
from mobench.runs.output_tail import TAIL_BYTES
from mobench.runs.processes import kill_all
from mobench.runs.request import Request
from mobench.runs.worker_events import WorkerDeclined, WorkerDone, WorkerError, WorkerProgress, WorkerResult

JobProcess: TypeAlias = subprocess.Popen[str] | ServedProcess
WORKER = ("-P", "-m", "mobench.runs.supervisor")
"""Python's arguments for a job's process without a job server. -P: nothing is imported from the working folder."""
GRACE_SECONDS = 5.0
LEAVE_SECONDS = 2.0
"""Time that a worker has to end after its last event. A thread or an exit handler of a plugin may never end."""


@dataclass
class LocalExecutor:
    """Runs each job in a process of its own on this machine, so that a crash affects only one job.

    On Linux the processes are forked from a job server, which has imported torch; elsewhere each starts an interpreter.

    slots:   number of jobs at once; the cores of the processor are divided among them.
    timeout: seconds after which a job is killed and recorded as failed. None: no limit.
    memory:  bytes of memory above which a job is killed and recorded as failed. None: no limit.
    cores:   threads of each job. None: its share of the cores, or the value of OMP_NUM_THREADS if that is smaller.
    """

    slots: int = 1
    timeout: float | None = None
    memory: int | None = None
    cores: int | None = None
    _running: set[JobProcess] = field(default_factory=set, repr=False)
    _stopped: bool = field(default=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _servers: list[JobServer] = field(default_factory=list, repr=False)
    _server_guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        weakref.finalize(self, _close_all, self._servers)

    @property
    def threads(self) -> int:
        """Number of threads of each job."""
        return self.cores or _at_most_requested(max(1, available_cores() // self.slots))

    def run(self, request: Request, tell: Callable[[WorkerProgress], None]) -> Exit:
        with tempfile.TemporaryFile() as errors:
            process = self._start(errors)
            if process is None:
                return Exit(None, "stopped before it started", kind=ExitKind.STOPPED)
            # children of the worker would keep its pipes open, so they are killed when it ends
            threading.Thread(target=_reap, args=(process,), daemon=True).start()
            with Watch(process, self.timeout, self.memory, has_supervisor=hasattr(os, "fork")) as watch:
                try:
                    result = converse(process, request.model_dump_json(), tell)
                    if result is not None:
                        _leave(process, LEAVE_SECONDS)
                finally:
                    _close(process)
                    process.wait()
                    with self._guard:
                        self._running.discard(process)
            assert process.returncode is not None
            return self._exit(result, process.returncode, watch, errors)

    def _exit(self, result: WorkerResult | None, code: int, watch: Watch, errors: IO[bytes]) -> Exit:
        match result:
            case WorkerDone(status):
                return Exit(status)
            case WorkerError(message):
                return Exit(None, message, kind=ExitKind.STORE_ERROR)
            case WorkerDeclined(message):
                return Exit(None, message, kind=ExitKind.DECLINED)
        if watch.excess is not None:
            return Exit(None, f"the job's process {watch.excess.description}", _tail(errors), watch.excess.kind)
        kind = ExitKind.STOPPED if self._stopped else ExitKind.PROCESS_DIED
        return Exit(None, f"the job's process {_how(code)}", _tail(errors), kind)

    def stop(self) -> None:
        with self._guard:
            self._stopped = True
            running = list(self._running)
        try:
            for process in running:
                process.terminate()
            _wait(running, GRACE_SECONDS)
        finally:
            for process in running:
                if process.poll() is None:
                    kill_all(process.pid)
            _wait(running)
            _close_all(self._servers)

    def _start(self, errors: IO[bytes]) -> JobProcess | None:
        """Start a process that waits for a request. Returns None if the executor was stopped."""
        threads = str(self.threads)
        environment = {**os.environ, **_python_path(), "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        if self._stopped:
            return None
        # not under the guard: the first call waits until the server has imported torch, and `stop` must not wait for it
        process = self._fork(environment, errors) if is_supported() else None
        with self._guard:
            if process is None and not self._stopped:
                process = _interpreter(environment, errors)
            if process is not None and not self._stopped:
                self._running.add(process)
                return process
        if process is not None:
            kill_all(process.pid)
            _discard(process)
        return None

    def _fork(self, environment: dict[str, str], errors: IO[bytes]) -> JobProcess | None:
        """Fork a process from the job server; None if the server cannot start."""
        setting = (os.getcwd(), environment)
        with self._server_guard:
            if not self._servers or self._servers[-1].setting != setting or self._servers[-1].has_ended:
                self._servers.append(JobServer(setting))
            server = self._servers[-1]
        return server.start(errors)


def _interpreter(environment: dict[str, str], errors: IO[bytes]) -> subprocess.Popen[str]:
    """Start an interpreter of its own for a job."""
    return subprocess.Popen(
        [sys.executable, *WORKER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        encoding="utf-8",
        errors="replace",
        env=environment,
        # Ctrl-C on the terminal reaches only the runner, which then stops its workers
        start_new_session=True,
    )


def _close_all(servers: list[JobServer]) -> None:
    while servers:
        servers.pop().close()


def _discard(process: JobProcess) -> None:
    """Close the pipes of a process that was killed, and wait for its end."""
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()
    process.wait()


def _python_path() -> dict[str, str]:
    """Return PYTHONPATH without its empty parts, as environment variables; {} if it is not set.

    Python reads an empty part as the working folder.
    """
    value = os.environ.get("PYTHONPATH")
    return {} if value is None else {"PYTHONPATH": os.pathsep.join(filter(None, value.split(os.pathsep)))}


def make(limits: Limits) -> LocalExecutor:
    """Create a local executor, with one job at a time unless `limits.jobs` is set."""
    refuse("local", limits, "address", "gpus")
    return LocalExecutor(limits.jobs or 1, limits.timeout, limits.memory, limits.cpus)


def available_cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _at_most_requested(threads: int) -> int:
    """Return the smaller of `threads` and OMP_NUM_THREADS.

    If OMP_NUM_THREADS is a list for nested regions, its first number counts.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return min(threads, int(limit)) if limit.isdecimal() and int(limit) > 0 else threads


def _leave(process: JobProcess, seconds: float) -> None:
    """Wait for a worker after its last event. Kill it and its descendants if it does not end in time."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        kill_all(process.pid)


def _close(process: JobProcess) -> None:
    """Close the pipe of events. A worker that still runs then stops, as if its runner had ended."""
    assert process.stdout is not None
    process.stdout.close()


def _wait(processes: list[JobProcess], seconds: float | None = None) -> None:
    """Wait until all processes have ended, or until `seconds` have passed."""
    end = None if seconds is None else time.monotonic() + seconds
    with suppress(subprocess.TimeoutExpired):
        for process in processes:
            process.wait(None if end is None else max(0.0, end - time.monotonic()))


def _reap(process: JobProcess) -> None:
    """Wait for a worker to end, and kill the processes that are left in its session."""
    process.wait()
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _how(code: int) -> str:
    """Describe an exit code; the text continues a sentence about the process."""
    if code >= 0:
        return f"ended with exit code {code} and left no record"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = " (out of memory?)" if name == "SIGKILL" else ""
    return f"was killed by {name}{hint}"


def _tail(errors: IO[bytes], n_lines: int = 20) -> str:
    """Return the last lines of a file, without reading all of it."""
    errors.seek(max(0, errors.seek(0, os.SEEK_END) - TAIL_BYTES))
    return "".join(errors.read().decode(errors="replace").splitlines(keepends=True)[-n_lines:])
