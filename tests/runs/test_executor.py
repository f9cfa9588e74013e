"""The executor against workers of any behaviour: small shell scripts instead of the worker."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mobench.errors import StoreError
from mobench.events import DataLoading, EvaluationProgress, Event, JobEnded
from mobench.interfaces import Strategy
from mobench.jobs.job import Budget, Job, Part, SolverPart
from mobench.jobs.plan import Plan
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.executors import local as executor
from mobench.runs.executors.base import Exit
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

Worker = Callable[..., None]
PATIENCE = 60.0
"""Seconds after which something that must end is taken to hang."""


def job(steps: int = 1) -> Job:
    part = Part(name="d", version="1")
    return Job(
        dataset=part, model=part, solver=SolverPart(name="s", version="1"), budget=Budget(steps=steps), protocol="p"
    )


def request_(**more: Any) -> Request:
    return Request(job=job(), store="nowhere", **more)


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """Replace the worker by a script; processes that it leaves running are ended with the test."""
    path, ids = tmp_path / "worker", tmp_path / "ids"

    def put(script: str, read: str = "cat >/dev/null") -> None:
        path.write_text(f"#!/bin/sh\necho $$ >>'{ids}'\n{read}\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(path))
        monkeypatch.setattr(executor, "is_supported", lambda: False)

    yield put
    for line in ids.read_text().split() if ids.exists() else ():
        with suppress(ProcessLookupError):
            os.killpg(int(line), signal.SIGKILL)


def in_time(act: Callable[[], Any]) -> Any:
    """Return the result of `act`; fail if it hangs."""
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(act()), daemon=True)
    thread.start()
    thread.join(PATIENCE)
    assert results, "it hangs"
    return results[0]


def ignore(event: Event) -> None:
    """A listener that ignores all events."""


DONE = """echo '{"phase": "data"}'; echo '{"phase": "done", "status": "completed"}'"""

STAGES = """echo '{"phase": "data"}'; echo '{"phase": "evaluate", "split": "val", "fraction": 0.5}'"""
LAST = """echo '{"phase": "done", "status": "completed"}'"""

ENDS = {
    "done": (DONE, Exit("completed")),
    "diverged": ("""echo '{"phase": "done", "status": "diverged"}'""", Exit("diverged")),
    "no room": (
        """echo '{"phase": "error", "message": "full"}'; exit 3""", Exit(None, "full", kind=ExitKind.STORE_ERROR),
    ),
    "declined": (
        """echo '{"phase": "declined", "message": "too few"}'""", Exit(None, "too few", kind=ExitKind.DECLINED),
    ),
    "rubbish": (
        """echo '[1,2]'; echo '{}'; printf '\\377\\n'; echo '{"phase": "done", "status": "completed"}'; echo '[]'""",
        Exit("completed"),
    ),
    "exit code": ("exit 7", Exit(None, "the job's process ended with exit code 7 and left no record")),
    "silent success": ("exit 0", Exit(None, "the job's process ended with exit code 0 and left no record")),
    "killed": ("kill -KILL $$", Exit(None, "the job's process was killed by SIGKILL (out of memory?)")),
    "crash": ("kill -SEGV $$", Exit(None, "the job's process was killed by SIGSEGV")),
    "cut short": (
        """echo '{"phase": "data"}'; printf '{"phase": "do'; kill -KILL $$""",
        Exit(None, "the job's process was killed by SIGKILL (out of memory?)"),
    ),
    "last words": ("echo one >&2; echo two >&2; exit 1", Exit(
        None, "the job's process ended with exit code 1 and left no record", "one\ntwo\n")),
}  # fmt: skip


@pytest.mark.parametrize("case", ENDS)
def test_however_a_worker_ends_it_is_told(worker: Worker, case: str) -> None:
    script, ended = ENDS[case]
    worker(script)
    assert LocalExecutor().run(request_(), ignore) == ended


def test_events_are_passed_on_in_order_and_half_ones_are_not(worker: Worker) -> None:
    worker(f"""echo '{{"phase": "da'; {STAGES}; {LAST}; {STAGES}; printf '{{"phase": "da'""")
    events: list[Event] = []
    assert LocalExecutor().run(request_(), events.append).status == "completed"
    assert events == [DataLoading(), EvaluationProgress("val", 0.5)]


def test_the_worker_is_sent_the_request_and_told_its_threads(worker: Worker, tmp_path: Path) -> None:
    worker(f"echo $OMP_NUM_THREADS $MKL_NUM_THREADS >'{tmp_path}/threads'; {DONE}", read=f"cat >'{tmp_path}/sent'")
    request = request_(options=RunOptions(strategy=Strategy(threads=3), keep_weights=True, command=("mobench", "run")))
    LocalExecutor(slots=10_000).run(request, ignore)
    assert Request.model_validate_json((tmp_path / "sent").read_text()) == request
    assert (tmp_path / "threads").read_text() == "1 1\n"


@pytest.mark.parametrize(
    ("omp_num_threads", "threads"),
    [("1", 1), ("3", 3), ("2,4", 2), ("64", 8), ("0", 8), ("many", 8), ("", 8), (None, 8)],
)
def test_a_job_has_no_more_threads_than_the_environment_asks_for(
    monkeypatch: pytest.MonkeyPatch, omp_num_threads: str | None, threads: int
) -> None:
    monkeypatch.setattr(executor, "available_cores", lambda: 16)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if omp_num_threads is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", omp_num_threads)
    assert LocalExecutor(slots=2).threads == threads
    assert LocalExecutor(slots=2, cores=5).threads == 5


def test_only_the_last_lines_of_what_a_worker_said_are_kept(worker: Worker) -> None:
    worker("i=0; while [ $i -lt 100 ]; do echo line $i >&2; i=$((i+1)); done; exit 1")
    details = LocalExecutor().run(request_(), ignore).details
    assert details.splitlines() == [f"line {i}" for i in range(80, 100)]


def test_a_worker_that_dies_before_it_has_read_its_request_is_told_and_leaves_nothing_open(worker: Worker) -> None:
    """The request is larger than a pipe holds. An unclosed pipe would be a warning, and so an error here."""
    import gc

    worker("exit 4", read="exec 0<&-")
    ended = LocalExecutor().run(request_(options=RunOptions(command=("x" * 2**21,))), ignore)
    assert "ended with exit code 4" in ended.message
    gc.collect()


def test_a_worker_that_takes_too_long_is_ended(worker: Worker) -> None:
    worker("exec sleep 300")
    ended = in_time(lambda: LocalExecutor(timeout=0.2).run(request_(), ignore))
    assert ended == Exit(None, "the job's process timed out after 0.2 seconds (--timeout)", kind=ExitKind.TIMED_OUT)


def test_a_worker_in_time_is_not_ended_later(worker: Worker) -> None:
    worker(DONE)
    runs = LocalExecutor(timeout=PATIENCE)
    assert runs.run(request_(), ignore) == Exit("completed")
    assert not [t for t in threading.enumerate() if "_look" in t.name], "nobody watches it any more"


CHILD = "sleep 300 &"
"""A process of the worker's own, as data loaders start them; it keeps the worker's pipes open."""


@pytest.mark.parametrize(
    ("end", "timeout"), [("exec sleep 300", 0.2), ("kill -KILL $$", None), ("exit 1", None)],
    ids=["timeout", "killed", "exit"],
)  # fmt: skip
def test_children_of_a_worker_do_not_keep_the_runner_waiting(worker: Worker, end: str, timeout: float | None) -> None:
    worker(f"{CHILD} {end}")
    ended = in_time(lambda: LocalExecutor(timeout=timeout).run(request_(), ignore))
    assert ended.status is None


ESCAPED = 'setsid sleep 300 & echo $! >>"$IDS";'
"""A process in a session of its own, which keeps the worker's pipes open and is not killed with its group."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("end", "status"),
    [("exit 1", None), (DONE, "completed"), (f"{DONE}; exec sleep 300", "completed")],
    ids=["exit", "done", "done and does not end"],
)
def test_nobody_who_holds_the_pipe_of_events_keeps_the_runner_waiting(
    worker: Worker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str, status: str | None
) -> None:
    monkeypatch.setenv("IDS", str(tmp_path / "ids"))
    worker(f"{ESCAPED} {end}")
    assert in_time(lambda: LocalExecutor().run(request_(), ignore)).status == status


@pytest.mark.parametrize("line", ["[1, 2]", "{}", "3", '{"phase": 3}', "[" * 5000, "x" * (1 << 21)])
def test_a_line_that_is_no_event_is_left_out(worker: Worker, tmp_path: Path, line: str) -> None:
    (tmp_path / "line").write_text(f"{line}\n")
    worker(f"cat '{tmp_path}/line'; {DONE}")
    events: list[Event] = []
    assert LocalExecutor().run(request_(), events.append) == Exit("completed")
    assert events == [DataLoading()]


def test_stopping_ends_workers_that_do_not_want_to_and_starts_no_more(
    worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "GRACE_SECONDS", 0.2)
    worker("""trap '' TERM; echo '{"phase": "data"}'; while :; do sleep 0.05; done""")
    local, started = LocalExecutor(2), threading.Event()
    ends: list[Exit] = []
    thread = threading.Thread(target=lambda: ends.append(local.run(request_(), lambda event: started.set())))
    thread.start()
    assert started.wait(PATIENCE)
    local.stop()
    thread.join(PATIENCE)
    assert ends == [Exit(None, "the job's process was killed by SIGKILL (out of memory?)", kind=ExitKind.STOPPED)]
    assert local.run(request_(), ignore) == Exit(None, "stopped before it started", kind=ExitKind.STOPPED)


class Answers:
    """An executor that runs a function instead of a process."""

    slots = threads = 1

    def __init__(self, act: Callable[[Request], Exit]) -> None:
        self.act, self.stopped = act, False

    def run(self, request: Request, tell: Any) -> Exit:
        return self.act(request)

    def stop(self) -> None:
        self.stopped = True


def raising(error: BaseException) -> Callable[[Request], Exit]:
    def act(request: Request) -> Exit:
        raise error

    return act


def test_a_worker_that_cannot_write_its_record_ends_the_run(tmp_path: Path) -> None:
    """The next job's record would have no space either."""
    answers = Answers(lambda request: Exit(None, "no room", kind=ExitKind.STORE_ERROR))
    with pytest.raises(StoreError, match="no room"):
        runner.run(Plan("p", [job(1), job(2)]), Store(tmp_path), answers)
    assert answers.stopped
    assert Store(tmp_path).contents().records == []


@pytest.mark.parametrize("kind", ExitKind)
def test_every_kind_of_exit_is_handled(tmp_path: Path, kind: ExitKind) -> None:
    """A worker that was stopped or cannot write ends the run; a declined job has no record; any other has failed."""
    events: list[Event] = []
    answers, store = Answers(lambda request: Exit(None, "why", kind=kind)), Store(tmp_path)

    def run() -> runner.Summary:
        return runner.run(Plan("p", [job()]), store, answers, listen=lambda job, event: events.append(event))

    if kind in (ExitKind.STOPPED, ExitKind.STORE_ERROR):
        with pytest.raises(runner.Stopped if kind is ExitKind.STOPPED else StoreError, match="why"):
            run()
        assert store.read(job()) is None
    elif kind is ExitKind.DECLINED:
        assert run().declined_jobs == [job()]
        assert events[-1] == JobEnded("declined", "why")
        assert store.read(job()) is None
    else:
        assert run().failed == [job()]
        assert events[-1] == JobEnded("failed", "why")
        record = store.read(job())
        assert record is not None
        assert record.failure is not None
        assert record.failure.kind == kind.value


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("an executor's own")])
def test_whatever_ends_a_run_early_stops_the_workers_and_goes_on(tmp_path: Path, error: BaseException) -> None:
    answers = Answers(raising(error))
    with pytest.raises(type(error)):
        runner.run(Plan("p", [job()]), Store(tmp_path), answers)
    assert answers.stopped
    with Store(tmp_path).claim(job()) as free:
        assert free, "the claim was given back"


def test_a_worker_that_claims_to_be_done_but_left_no_record_has_failed(tmp_path: Path) -> None:
    summary = runner.run(Plan("p", [job()]), Store(tmp_path), Answers(lambda request: Exit("completed")))
    assert summary.failed == [job()]


def test_the_last_words_of_a_dead_worker_name_no_folder(tmp_path: Path) -> None:
    """They go into the record, which people publish."""
    words = 'Traceback (most recent call last):\n  File "/home/somebody/env/lib/torch/nn.py", line 3, in f\nKeyError\n'
    store = Store(tmp_path)
    runner.run(Plan("p", [job()]), store, Answers(lambda request: Exit(None, "died", words)))
    record = store.read(job())
    assert record is not None
    assert record.failure is not None
    assert 'torch/nn.py"' in record.failure.traceback
    assert "/home/somebody" not in record.failure.traceback


def test_nothing_is_made_where_nothing_is_to_do(tmp_path: Path) -> None:
    summary = runner.run(Plan("p", [], ["a × b: no"]), Store(tmp_path / "out"), Answers(raising(AssertionError())))
    assert summary.declined == ["a × b: no"]
    assert not (tmp_path / "out").exists()
