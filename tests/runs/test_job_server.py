"""The job server: jobs in copies of a process that has imported torch, as isolated as in interpreters of their own."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from guests import balancer, install

from mobench.interfaces import Strategy
from mobench.jobs.job import Budget, Job, SeedSet
from mobench.jobs.resolve import resolve
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.job_server import JobServer, is_supported
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_supported(), reason="jobs are forked on Linux only"),
]
PATIENCE = 120.0


def job(steps: int = 3, seed: int = 0, balancer: str | None = None) -> Job:
    content = resolve("vlmop2", "point", "ls", {}, Budget(steps=steps), SeedSet.all(seed)).model_dump()
    if balancer is not None:
        content["solver"]["balancer"] = {"name": balancer, "version": "1"}
    return Job.model_validate(content)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    paths = [str(tmp_path / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path / "site"


@pytest.fixture
def executor() -> Iterator[LocalExecutor]:
    executor = LocalExecutor(cores=1)
    yield executor
    executor.stop()


def run(executor: LocalExecutor, job: Job, folder: Path) -> Exit:
    request = Request(job=job, store=str(folder), options=RunOptions(strategy=Strategy()))
    return executor.run(request, lambda event: None)


def record_of(job: Job, folder: Path) -> Record:
    record = Store(folder).read(job)
    assert record is not None
    return record


def until(holds: Callable[[], object], message: str) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, message
        time.sleep(0.05)


def servers() -> list[psutil.Process]:
    """Return the job servers of this process."""
    return [child for child in psutil.Process().children() if "mobench.runs.job_server" in child.cmdline()]


WRITES = "open({path!r}, 'a').write(repr(({expression})) + chr(10))"


def test_forked_jobs_compute_the_numbers_of_a_job_in_this_process(executor: LocalExecutor, tmp_path: Path) -> None:
    for seed in (0, 1):
        assert run(executor, job(seed=seed), tmp_path) == Exit("completed")
        assert record_of(job(seed=seed), tmp_path).digest == execute(job(seed=seed), threads=1).digest
    (server,) = servers()
    executor.stop()
    assert not server.is_running()


def test_the_server_ends_with_its_executor(tmp_path: Path) -> None:
    executor = LocalExecutor(cores=1)
    run(executor, job(), tmp_path)
    (server,) = servers()
    del executor
    gc.collect()
    assert not server.is_running()


def test_a_job_sees_nothing_of_the_one_before(executor: LocalExecutor, site: Path, tmp_path: Path) -> None:
    """What a plugin changes stays in the process of its job, which leads a session of its own."""
    path = str(tmp_path / "seen")
    seen = "getattr(torch, 'changed_by_a_job', False), os.getsid(0) == os.getppid(), torch.get_num_threads()"
    step = f"{WRITES.format(path=path, expression=seen)}; torch.changed_by_a_job = True; torch.set_num_threads(3)"
    install(site, "changes", balancer("changes", step, before="import os, torch"))
    for seed in (0, 1):
        assert run(executor, job(1, seed, "changes"), tmp_path / "out") == Exit("completed")
    assert Path(path).read_text() == 2 * f"{(False, True, 1)!r}\n"


def test_a_job_sees_the_environment_and_folder_of_its_start(
    executor: LocalExecutor, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "seen")
    step = WRITES.format(path=path, expression="os.environ.get('CHANGES'), os.getcwd(), os.environ['OMP_NUM_THREADS']")
    install(site, "reads", balancer("reads", step, before="import os"))
    for seed in (0, 1):
        folder = tmp_path / str(seed)
        folder.mkdir()
        monkeypatch.chdir(folder)
        monkeypatch.setenv("CHANGES", str(seed))
        assert run(executor, job(1, seed, "reads"), tmp_path / "out") == Exit("completed")
    lines = [repr((str(seed), str(tmp_path / str(seed)), "1")) for seed in (0, 1)]
    assert Path(path).read_text().splitlines() == lines


def test_exit_handlers_of_plugins_run_and_its_threads_are_waited_for(
    executor: LocalExecutor, site: Path, tmp_path: Path
) -> None:
    path = str(tmp_path / "seen")
    leave = f"atexit.register(lambda: {WRITES.format(path=path, expression=repr('exit handler'))})"
    wait = f"threading.Timer(0.3, lambda: {WRITES.format(path=path, expression=repr('thread'))}).start()"
    install(site, "leaves", balancer("leaves", f"{leave}; {wait}", before="import atexit, threading"))
    assert run(executor, job(1, 0, "leaves"), tmp_path / "out") == Exit("completed")
    assert Path(path).read_text().splitlines() == ["'thread'", "'exit handler'"]


def test_a_killed_server_ends_its_jobs_and_is_replaced(executor: LocalExecutor, site: Path, tmp_path: Path) -> None:
    path = tmp_path / "seen"
    step = WRITES.format(path=str(path), expression="os.getpid()") + "; time.sleep(600)"
    install(site, "waits", balancer("waits", step, before="import os, time"))

    def kill() -> None:
        until(path.exists, "the job has not begun")
        (server,) = servers()
        server.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    ended = run(executor, job(1, 0, "waits"), tmp_path / "out")
    killer.join()
    assert ended.kind is ExitKind.PROCESS_DIED
    assert "SIGKILL" in ended.message
    pid = int(path.read_text())
    until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE, "the job goes on")
    assert run(executor, job(), tmp_path / "out") == Exit("completed")


def test_without_a_server_a_job_has_an_interpreter_of_its_own(
    executor: LocalExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that ends at once, for example for want of memory, costs no job."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$*" in *job_server*) exit 3;; esac\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    assert run(executor, job(), tmp_path / "out") == Exit("completed")
    assert record_of(job(), tmp_path / "out").status == "completed"


def test_several_jobs_at_once_report_their_own_ends(site: Path, tmp_path: Path) -> None:
    install(site, "dies", balancer("dies", "os.kill(os.getpid(), signal.SIGSEGV)", before="import os, signal"))
    executor = LocalExecutor(4, cores=1)
    jobs = [job(1, seed, "dies" if seed % 2 else None) for seed in range(6)]
    with ThreadPoolExecutor(4) as pool:
        ends = list(pool.map(lambda each: run(executor, each, tmp_path / "out"), jobs))
    executor.stop()
    assert [end.status for end in ends] == ["completed", None] * 3
    assert all("SIGSEGV" in end.message for end in ends[1::2])


def test_the_memory_of_a_supervisor_is_not_that_of_its_job(executor: LocalExecutor, site: Path, tmp_path: Path) -> None:
    """The supervisor is a copy of the server, so that its resident memory would count torch twice."""
    path = tmp_path / "seen"
    both = "limits.resident_bytes(os.getppid()), limits.resident_bytes(os.getppid(), has_supervisor=True), "
    own = "psutil.Process().memory_info().rss, psutil.Process(os.getppid()).memory_info().rss"
    step = WRITES.format(path=str(path), expression=both + own)
    install(
        site, "sized", balancer("sized", step, before="import os, psutil\nfrom mobench.runs.executors import limits")
    )
    assert run(executor, job(1, 0, "sized"), tmp_path / "out") == Exit("completed")
    family, counted, worker, supervisor = eval(path.read_text())
    assert supervisor > 50e6
    assert counted == pytest.approx(worker, rel=0.02)
    assert family == pytest.approx(worker + supervisor, rel=0.02)


def test_a_stop_while_the_server_starts_is_not_delayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 600\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    executor, ends = LocalExecutor(cores=1), list[Exit]()
    thread = threading.Thread(target=lambda: ends.append(run(executor, job(), tmp_path / "out")))
    thread.start()
    until(lambda: executor._servers, "the server was not started")
    executor.stop()
    thread.join(PATIENCE)
    assert ends == [Exit(None, "stopped before it started", kind=ExitKind.STOPPED)]


def test_a_closed_server_starts_no_job(tmp_path: Path) -> None:
    server = JobServer((str(tmp_path), dict(os.environ)))
    server.close()
    with open(tmp_path / "errors", "wb") as errors:
        assert server.start(errors) is None


def test_the_server_ignores_an_interrupt_of_the_terminal(executor: LocalExecutor, tmp_path: Path) -> None:
    """Ctrl-C reaches the group of the runner, to which neither the server nor a job belongs."""
    run(executor, job(), tmp_path)
    (server,) = servers()
    assert os.getpgid(server.pid) != os.getpgid(0)
    assert os.getsid(server.pid) != os.getsid(0)
