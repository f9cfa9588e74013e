"""Locks name their owner; leftovers of dead runners in a store or in the cache are removed."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mobench import datafiles
from mobench.events import JobEvent, JobWaiting
from mobench.jobs.job import Budget, Job, Part, SolverPart
from mobench.jobs.plan import Plan
from mobench.records import locks
from mobench.records.locks import described, held, owner_of
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.executors.base import Exit
from mobench.runs.leases import Lease, remove_files_of_dead_runners
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

HOLD = """
import errno, fcntl, platform, socket, sys, time
from pathlib import Path
if sys.argv[2] != "here":
    # a machine of that name, on a file system without flock
    def flock(descriptor, operation):
        raise OSError(errno.ENOSYS, "Function not implemented")
    fcntl.flock = flock
    platform.node = socket.gethostname = lambda: sys.argv[2]
from mobench.records.locks import held
with held(Path(sys.argv[1])) as is_ours:
    print(is_ours, flush=True)
    time.sleep(600)
"""


def job(steps: int = 1) -> Job:
    part = Part(name="d", version="1")
    return Job(
        dataset=part, model=part, solver=SolverPart(name="s", version="1"), budget=Budget(steps=steps), protocol="p"
    )


@pytest.fixture
def holder() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a process that holds a lock until it is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(path: Path, host: str = "here") -> subprocess.Popen[str]:
        path.parent.mkdir(parents=True, exist_ok=True)
        words = [sys.executable, "-c", HOLD, str(path), host]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "True\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_lock_names_its_owner_and_what_to_do(tmp_path: Path, holder: Any) -> None:
    path = tmp_path / "locks" / "some.lock"
    process = holder(path)
    with held(path) as is_ours:
        assert not is_ours
    owner = owner_of(path)
    assert owner is not None
    assert (owner.host, owner.pid, owner.state()) == (platform.node(), process.pid, "running")
    message = described(path)
    assert f"held by process {process.pid} on {platform.node()} since {owner.since}" in message
    assert f"end it with `kill -9 {process.pid}`" in message
    process.send_signal(signal.SIGSTOP)
    for _ in range(100):
        if owner.state() == "stopped":
            break
        time.sleep(0.05)
    assert f"which is stopped: continue it with `kill -CONT {process.pid}`" in described(path)
    process.kill()
    process.wait()
    assert described(path).endswith("which has ended: delete locks/some.lock")
    with held(path) as is_ours:
        assert is_ours
        lock_owner = owner_of(path)
        assert lock_owner is not None
        assert lock_owner.pid == os.getpid()
    assert owner_of(path) is None


def test_whoever_waits_to_train_is_told_once_for_whom_and_then_goes_on(
    tmp_path: Path, holder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "NAME_SECONDS", 0.2)
    store, messages = Store(tmp_path), list[str]()
    process = holder(tmp_path / "locks" / f"{job().id}.training.lock")

    def tell(message: str) -> None:
        messages.append(message)
        threading.Timer(0.3, process.kill).start()

    with store.training(job(), tell):
        assert len(messages) == 1
        assert f"held by process {process.pid} on" in messages[0]


@pytest.fixture
def without_flock(monkeypatch: pytest.MonkeyPatch) -> None:
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.mark.filterwarnings("ignore")
def test_without_flock_a_holder_that_was_killed_on_another_host_is_named_with_the_file_to_delete(
    tmp_path: Path, holder: Any, without_flock: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "NAME_SECONDS", 0.2)
    path = tmp_path / "locks" / f"{job().id}.training.lock"
    process = holder(path, "another-host")
    process.kill()
    process.wait()
    messages: list[str] = []

    def tell(message: str) -> None:
        messages.append(message)
        for lock_path in path.parent.glob(f"{path.name}*"):
            lock_path.unlink()

    with Store(tmp_path).training(job(), tell):
        assert len(messages) == 1
    assert f"held by process {process.pid} on another-host since" in messages[0]
    assert f"if it has already ended, delete locks/{path.name}" in messages[0]


@pytest.mark.filterwarnings("ignore")
def test_without_flock_a_lock_still_excludes_and_is_given_back(
    tmp_path: Path, holder: Any, without_flock: None
) -> None:
    path = tmp_path / "locks" / "x.lock"
    path.parent.mkdir()
    for _ in range(2):
        with held(path) as first, held(path) as second:
            assert (first, second) == (True, False)


class Fails:
    """An executor whose jobs all fail after a short time."""

    slots = threads = 1

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds, self.runs = seconds, 0

    def run(self, request: Request, tell: Any) -> Exit:
        self.runs += 1
        time.sleep(self.seconds)
        return Exit(None, "it fails each time")

    def stop(self) -> None:
        """Do nothing: no job is running."""


@pytest.mark.slow
def test_a_failing_job_is_run_once_by_three_runners_and_again_by_a_later_one(tmp_path: Path) -> None:
    executors = [Fails(1.0) for _ in range(3)]
    summaries: list[runner.Summary] = []

    def run_jobs(executor: Fails) -> None:
        summaries.append(runner.run(Plan("p", [job()]), Store(tmp_path), executor))

    threads = [threading.Thread(target=run_jobs, args=(executor,)) for executor in executors]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(executor.runs for executor in executors) == [0, 0, 1]
    assert sorted((len(s.failed), len(s.present)) for s in summaries) == [(0, 1), (0, 1), (1, 0)]
    later = Fails()
    assert runner.run(Plan("p", [job()]), Store(tmp_path), later).failed == [job()]
    assert later.runs == 1
    assert runner.run(Plan("p", [job()]), Store(tmp_path), later, RunOptions(retry=False)).present == [job()]
    assert later.runs == 1


@pytest.mark.slow
def test_a_runner_without_a_job_to_run_says_who_has_them(
    tmp_path: Path, holder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "NAME_SECONDS", 0.5)
    process = holder(tmp_path / "locks" / f"{job().id}.lock")
    messages: list[str] = []

    def listen(job: Job, event: JobEvent) -> None:
        if isinstance(event, JobWaiting):
            messages.append(event.message)
            process.kill()

    assert runner.run(Plan("p", [job()]), Store(tmp_path), Fails(), listen=listen).failed == [job()]
    assert len(messages) == 1
    assert f"held by process {process.pid} on {platform.node()}" in messages[0]


def test_files_of_dead_runners_are_removed_and_those_of_living_ones_stay(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from mobench.runs.leases import Lease\n"
        "folder = Path(sys.argv[1]); lease = Lease(folder); mark = folder / 'locks' / lease.new_mark()\n"
        "mark.touch(); Path(f'{mark}.events').touch()\n"
        "pickles = folder / 'slurm' / lease.key; pickles.mkdir(parents=True); (pickles / '1_submitted.pkl').touch()\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False)
    lease = Lease(tmp_path)
    mark = tmp_path / "locks" / lease.new_mark()
    mark.touch()
    (tmp_path / "slurm" / lease.key).mkdir()
    assert len(list((tmp_path / "locks").glob("mark-*"))) == 3
    runner.run(Plan("p", [job()]), Store(tmp_path), Fails())
    assert list((tmp_path / "locks").glob("mark-*")) == [mark]
    assert [folder.name for folder in (tmp_path / "slurm").iterdir()] == [lease.key]
    assert len(list((tmp_path / "locks").glob("runner-*.lease"))) == 1
    del lease
    remove_files_of_dead_runners(tmp_path)
    assert not list((tmp_path / "locks").glob("mark-*"))
    assert not list((tmp_path / "slurm").iterdir())


def test_what_a_killed_process_fetched_by_half_is_removed_and_what_is_being_fetched_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    old = time.time() - 2 * datafiles.STAGE_SECONDS
    for name in ("dead", "alive", "new"):
        stage = tmp_path / f"{datafiles.STAGE}{name}"
        stage.mkdir()
        (stage / "half").write_bytes(b"x" * 1000)
        if name != "new":
            os.utime(stage, (old, old))
    with FileLock(tmp_path / f"{datafiles.STAGE}alive" / datafiles.STAGE_LOCK):
        os.utime(tmp_path / f"{datafiles.STAGE}alive", (old, old))
        datafiles._remove_left_stages(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{datafiles.STAGE}alive", f"{datafiles.STAGE}new"]
