"""Leftovers of plugins, killed runners and stopped workers: none outlives its job or blocks another one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from guests import balancer, install

from mobench.interfaces import Strategy
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import resolve
from mobench.records.store import Store
from mobench.runs.executors.base import Exit
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

pytestmark = pytest.mark.slow

PATIENCE = 120.0
"""Seconds after which something that must happen is taken to never happen."""

CHILD = """
import subprocess, sys
child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, close_fds=False
)
open({pids!r}, "a").write(str(child.pid) + "\\n")
"""
"""A child in a session of its own that holds every pipe of the worker, the one of its events included."""
INHERITABLE = "[os.set_inheritable(int(n), True) for n in os.listdir('/proc/self/fd') if int(n) > 2 and _open(n)]"
THREAD = "import threading, time; threading.Thread(target=time.sleep, args=(600,)).start()"
STUCK = "import ctypes; ctypes.PyDLL(None).sleep(600)"
"""PyDLL keeps the interpreter's lock: no thread of the worker does anything any more."""


def job(name: str, steps: int = 3, **budget: float) -> Job:
    content = resolve("vlmop2", "point", "ls", {}, Budget(steps=steps)).model_dump()
    content["solver"]["balancer"] = {"name": name, "version": "1"}
    return Job.model_validate({**content, **({"budget": {"batch_size": 256, **budget}} if budget else {})})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    paths = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path / "site"


@pytest.fixture
def pids(tmp_path: Path) -> Iterator[Path]:
    """A file to which processes write their ids; those that still run are ended with the test."""
    path = tmp_path / "pids"
    path.touch()
    yield path
    for pid in path.read_text().split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)


def until(holds: Callable[[], object], message: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, message
        time.sleep(0.05)


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_thread_and_a_child_with_the_pipe_of_events_do_not_outlive_the_record(
    site: Path, tmp_path: Path, pids: Path
) -> None:
    inherit = (
        "import os\ndef _open(n):\n    try:\n        os.fstat(int(n))\n        return True\n"
        f"    except OSError:\n        return False\n{INHERITABLE}\n"
    )
    body = f"{THREAD}\n{inherit}{CHILD.format(pids=str(pids))}"
    # once, in the first step: then the pipe of events is there
    step = "if self.steps == 1: exec(LEAVE, {})"
    install(site, "leaves", balancer("leaves", step, before=f"LEAVE = {body!r}"))
    request = Request(job=job("leaves"), store=str(tmp_path / "out"), options=RunOptions(strategy=Strategy()))
    event_times: list[float] = []
    executor = LocalExecutor(cores=1)
    ended = executor.run(request, lambda event: event_times.append(time.monotonic()))
    assert ended == Exit("completed")
    assert time.monotonic() - event_times[-1] < 30, "the record was complete, and nobody waits for the thread"
    record = Store(tmp_path / "out").read(request.job)
    assert record is not None
    assert record.status == "completed"
    (child,) = map(int, pids.read_text().split())
    until(lambda: has_ended(child), "the child in its own session lives on")


def test_timeout_ends_a_worker_that_is_stuck_in_c_and_what_it_started(site: Path, tmp_path: Path, pids: Path) -> None:
    body = f"{CHILD.format(pids=str(pids))}\n{STUCK}"
    install(site, "stuck", balancer("stuck", "exec(STUCK, {})", before=f"STUCK = {body!r}"))
    request = Request(job=job("stuck"), store=str(tmp_path / "out"), options=RunOptions(strategy=Strategy()))
    for timeout in (10, 60):
        ended = LocalExecutor(cores=1, timeout=timeout).run(request, lambda event: None)
        assert ended.kind is ExitKind.TIMED_OUT
        # on a machine with much load, the time may be over before the first step
        if pids.read_text():
            break
    assert pids.read_text()
    for child in map(int, pids.read_text().split()):
        until(lambda child=child: has_ended(child), "the child lives on")  # type: ignore[misc]


RUNNER = """
import sys
from pathlib import Path
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.request import Request
LocalExecutor(cores=1).run(Request.model_validate_json(sys.stdin.read()), lambda event: print(event, flush=True))
"""


@pytest.mark.parametrize("case", ["running", "stopped", "stuck"])
def test_with_a_killed_runner_its_worker_and_grandchildren_end(
    site: Path, tmp_path: Path, pids: Path, case: str
) -> None:
    """Whether the worker trains, is stopped, or hangs in C, the job's locks are released."""
    body = f"{CHILD.format(pids=str(pids))}\nopen({str(pids)!r}, 'a').write(str(os.getpid()) + chr(10))\n"
    body = f"import os\n{body}{STUCK if case == 'stuck' else ''}"
    step = "if self.steps == 1: exec(BODY, {})"
    install(site, "runs", balancer("runs", step, before=f"BODY = {body!r}"))
    store, stuck_job = Store(tmp_path / "out"), job("runs", seconds=86_400.0)
    request = Request(job=stuck_job, store=str(store.folder), options=RunOptions(strategy=Strategy()))
    runner = subprocess.Popen([sys.executable, "-c", RUNNER], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert runner.stdin is not None
    runner.stdin.write(request.model_dump_json().encode())
    runner.stdin.close()
    until(lambda: len(pids.read_text().split()) == 2, "the job has not begun")
    child, worker = map(int, pids.read_text().split())
    family = [process.pid for process in psutil.Process(runner.pid).children(recursive=True)]
    assert {child, worker} <= set(family)
    if case == "stopped":
        os.kill(worker, signal.SIGSTOP)
    runner.kill()
    runner.wait()
    for pid in family:
        until(lambda pid=pid: has_ended(pid), f"process {pid} lives on")  # type: ignore[misc]
    with store.training(stuck_job):
        assert store.read(stuck_job) is None
