"""Jobs whose process dies after it wrote its record: a failure never replaces a result."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mobench.errors import SuiteError
from mobench.events import JobEnded, JobEvent
from mobench.jobs.job import Budget
from mobench.jobs.plan import Plan
from mobench.jobs.resolve import resolve
from mobench.records import store as stores
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.execution import execute, failure_record
from mobench.runs.executors import remote
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.executors.remote import Outcome, bring_home, do, errand
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

JOB = resolve("vlmop2", "point", "ls", {}, Budget(steps=2))
KILLED = Exit(None, "the job's process was killed by SIGKILL (out of memory?)")
STATUSES = ("failed", "diverged", "completed")


@pytest.fixture(scope="module")
def records() -> dict[str, Record]:
    """One record of each status, all of the same job."""
    completed = execute(JOB, threads=1)
    return {
        "completed": completed,
        "diverged": failure_record(JOB, "NonFiniteError", "step 1", "", completed.provenance, "diverged"),
        "failed": failure_record(JOB, "ValueError", "no", "", completed.provenance),
    }


class WritesAndDies(LocalExecutor):
    """Leaves a record and a checkpoint, and is killed before it reports them."""

    record: Record

    def run(self, request: Request, tell: Tell) -> Exit:
        store = Store(request.store)
        store.write(self.record)
        store.checkpoint(request.job).parent.mkdir(exist_ok=True)
        store.checkpoint(request.job).touch()
        return KILLED


def dies_after(record: Record) -> WritesAndDies:
    executor = WritesAndDies()
    executor.record = record
    return executor


@pytest.mark.parametrize("status", STATUSES)
def test_the_record_of_a_worker_that_then_died_stays(records: dict[str, Record], tmp_path: Path, status: str) -> None:
    store, ends = Store(tmp_path), list[JobEvent]()
    summary = runner.run(
        Plan("one", [JOB]), store, dies_after(records[status]), listen=lambda job, event: ends.append(event)
    )
    assert store.read(JOB) == records[status]
    assert getattr(summary, status) == [JOB]
    assert isinstance(ends[-1], JobEnded)
    assert ends[-1].status == status
    assert store.checkpoint(JOB).exists() == (status == "failed")


def test_a_worker_that_died_at_a_second_try_replaces_the_failure_of_the_first(
    records: dict[str, Record], tmp_path: Path
) -> None:
    class Dies(LocalExecutor):
        def run(self, request: Request, tell: Tell) -> Exit:
            return KILLED

    store = Store(tmp_path)
    store.write(records["failed"])
    assert runner.run(Plan("one", [JOB]), store, Dies()).failed == [JOB]
    record = store.read(JOB)
    assert record is not None
    assert record.failure is not None
    assert record.failure.kind == "ProcessDied"


@pytest.mark.parametrize("stored_status", [None, "failed", "completed"])
def test_a_job_that_is_declined_is_no_failure_and_leaves_no_record(
    records: dict[str, Record], tmp_path: Path, stored_status: str | None
) -> None:
    class Declines(LocalExecutor):
        def run(self, request: Request, tell: Tell) -> Exit:
            return Exit(None, "two objectives are too few", kind=ExitKind.DECLINED)

    store, ends = Store(tmp_path), list[JobEvent]()
    if stored_status is not None:
        store.write(records[stored_status])
    summary = runner.run(Plan("one", [JOB]), store, Declines(), listen=lambda job, event: ends.append(event))
    if stored_status == "completed":
        assert (summary.present, store.read(JOB)) == ([JOB], records["completed"])
        return
    assert summary.declined_jobs == [JOB]
    assert summary.declined == ["vlmop2 × point × ls: two objectives are too few"]
    assert (summary.failed, summary.completed) == ([], [])
    assert ends[-1] == JobEnded("declined", "two objectives are too few")
    assert store.read(JOB) is None
    with pytest.raises(SuiteError, match=r"suite 'one' has no job left: .* too few"):
        summary.check_any("one")


def test_a_worker_that_claims_a_result_and_left_none_has_failed(tmp_path: Path) -> None:
    class Claims(LocalExecutor):
        def run(self, request: Request, tell: Tell) -> Exit:
            return Exit("completed")

    assert runner.run(Plan("one", [JOB]), Store(tmp_path), Claims()).failed == [JOB]
    record = Store(tmp_path).read(JOB)
    assert record is not None
    assert record.failure is not None
    assert record.failure.message == "the job's process reported that the job completed, but left no record"


@pytest.mark.parametrize("stored_status", STATUSES)
@pytest.mark.parametrize("new_status", STATUSES)
def test_no_record_replaces_one_that_is_worth_more(
    records: dict[str, Record], tmp_path: Path, stored_status: str, new_status: str
) -> None:
    store = Store(tmp_path)
    store.write(records[stored_status])
    store.write(records[new_status])
    assert store.read(JOB) == records[max(stored_status, new_status, key=STATUSES.index)]


@pytest.mark.parametrize("status", STATUSES)
def test_a_failure_waits_for_a_process_that_still_trains_the_job(
    records: dict[str, Record], tmp_path: Path, status: str
) -> None:
    """The worker of a runner that was killed comes to its end while another runner has a failure to write."""
    store, trains = Store(tmp_path), threading.Event()

    def train() -> None:
        with store.training(JOB):
            trains.set()
            threading.Event().wait(0.5)
            store.write(records[status])

    other = threading.Thread(target=train)
    other.start()
    trains.wait()
    failure = failure_record(JOB, "TimedOut", "too long", "", records["failed"].provenance)
    stored_record = store.write_failure(failure)
    other.join()
    assert stored_record == store.read(JOB) == (failure if status == "failed" else records[status])


@pytest.mark.parametrize("stored_status", [None, "failed", "completed"])
def test_a_failure_replaces_nothing_while_another_process_does_not_end(
    records: dict[str, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stored_status: str | None
) -> None:
    monkeypatch.setattr(stores, "SETTLE_SECONDS", 0.1)
    store = Store(tmp_path)
    if stored_status is not None:
        store.write(records[stored_status])
    failure = failure_record(JOB, "TimedOut", "too long", "", records["failed"].provenance)
    with store.training(JOB):
        store.write_failure(failure)
    assert store.read(JOB) == (failure if stored_status is None else records[stored_status])
    assert [path.suffix for path in store.records_folder.iterdir()] == [".json"]


@pytest.mark.parametrize("status", STATUSES)
def test_a_record_comes_home_from_a_machine_on_which_its_process_died(
    records: dict[str, Record], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: str
) -> None:
    monkeypatch.setattr(remote, "LocalExecutor", lambda *a: dies_after(records[status]))
    store = Store(tmp_path / "here")
    sent_errand = errand(Request(job=JOB, store=str(store.folder)), None, None)
    Path(sent_errand.mark).unlink()
    *_, outcome = do(sent_errand)
    assert isinstance(outcome, Outcome)
    assert bring_home(outcome, sent_errand.request) == KILLED
    assert store.read(JOB) == records[status]


@pytest.mark.parametrize("stored_status", STATUSES)
@pytest.mark.parametrize("new_status", STATUSES)
def test_what_comes_home_replaces_nothing_that_is_worth_more(
    records: dict[str, Record], tmp_path: Path, stored_status: str, new_status: str
) -> None:
    store = Store(tmp_path)
    store.write(records[stored_status])
    name = str(store.path(JOB).relative_to(store.folder))
    outcome = Outcome(Exit(new_status), {name: records[new_status].to_json().encode()})
    bring_home(outcome, Request(job=JOB, store=str(store.folder)))
    assert store.read(JOB) == records[max(stored_status, new_status, key=STATUSES.index)]


def test_a_record_that_comes_home_damaged_is_a_failure_of_its_job(tmp_path: Path) -> None:
    store = Store(tmp_path)
    name = str(store.path(JOB).relative_to(store.folder))
    ended = bring_home(Outcome(Exit("completed"), {name: b"{"}), Request(job=JOB, store=str(store.folder)))
    assert (ended.status, ended.kind) == (None, "RecordError")
    assert store.read(JOB) is None


def test_weights_that_do_not_fit_at_home_cost_no_record(records: dict[str, Record], tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / "weights").write_text("a file where the folder should be")
    files = {
        str(path.relative_to(store.folder)): content
        for path, content in ((store.weights(JOB), b"x"), (store.path(JOB), records["completed"].to_json().encode()))
    }
    request = Request(job=JOB, store=str(store.folder), options=RunOptions(keep_weights=True))
    assert bring_home(Outcome(Exit("completed"), files), request) == Exit("completed")
    record = store.read(JOB)
    assert record is not None
    assert record.notes == {"weights": "not kept: File exists"}
    assert record.digest == records["completed"].digest
