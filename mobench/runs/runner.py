"""A plan against a store: run what is missing, leave what is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mobench.errors import RecordError, StoreError, SuiteError
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan
from mobench.jobs.resolve import make_dataset, providers
from mobench.records import provenance
from mobench.records.failure import failure
from mobench.records.protocols import contents, differing, same_contents, stated_by
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs.executors.base import Executor, Exit
from mobench.runs.leases import remove_files_of_dead_runners
from mobench.runs.worker import CHECKPOINT_SECONDS, Request

Listen = Callable[[Job, dict[str, Any]], None]
POLL_SECONDS = 0.5
NAME_SECONDS = 5.0
"""Time without a job to run after which it is said which runners have the jobs."""


class Stopped(Exception):
    """Somebody else told the executor to stop. Jobs that were under way are left as they are."""


@dataclass
class Summary:
    """What a run came to. Each job is in exactly one of the lists completed, present, diverged, failed, declined_jobs.

    declined: why combinations were declined: `n_declined_by_plan` of them by the plan, the others, which are those of
        `declined_jobs`, when their jobs began.
    declined_jobs: have no record, and are no failures.
    without_weights: why weights that were to be kept are missing -> the jobs.
    """

    completed: list[Job] = field(default_factory=list)
    present: list[Job] = field(default_factory=list)
    diverged: list[Job] = field(default_factory=list)
    failed: list[Job] = field(default_factory=list)
    declined: list[str] = field(default_factory=list)
    seconds: float = 0.0
    declined_jobs: list[Job] = field(default_factory=list)
    without_weights: dict[str, list[Job]] = field(default_factory=dict)
    n_declined_by_plan: int = 0

    def check_any(self, suite: str) -> None:
        """Raise SuiteError where every job was declined, as a plan does."""
        if self.declined_jobs and not (self.completed or self.present or self.diverged or self.failed):
            raise SuiteError(f"suite {suite!r} has no job left: {'; '.join(self.declined)}")


def run(
    plan: Plan,
    store: Store,
    executor: Executor,
    *,
    device: str = "cpu",
    retry: bool = True,
    keep_weights: bool = False,
    strategy: str = "",
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
    command: Sequence[str] = (),
    listen: Listen = lambda job, event: None,
) -> Summary:
    """Run the jobs of a plan that have no record yet; each leaves one, unless one of its parts declines it.

    strategy: a fixed one, as `Strategy.parse` reads it, instead of the measured one.
    checkpoint_seconds: of training between checkpoints.
    retry: run jobs again whose record says "failed"; a record that cannot be read is an error.
    listen: called with a job and an event, whose "phase" is "present", "start", "data", "strategy", "train",
        "evaluate", "waiting" or "end"; "present" and "end" have the record's status, message, hypervolume on
        validation, and seconds (None where it has none), and of a declined job the status is "declined"; "waiting"
        has the message that names whom it waits for.

    Several runners may share a store: a job is run by whoever claims it first, and the others
    wait for its record. On KeyboardInterrupt workers are stopped, checkpoints stay, and the
    interrupt goes on.

    Raises: StoreError when records cannot be written, RecordError for one in the way that is unreadable or was made
        when the dataset stated something else under the same protocol version, Stopped when the executor is told to
        stop from elsewhere.
    """
    began = time.monotonic()
    summary = Summary(declined=list(plan.declined), n_declined_by_plan=len(plan.declined))
    present = _Present(store, retry)
    todo, failed_before = [], dict[str, Any]()
    for job in plan.jobs:
        failed_before[job.id] = store.state_of(job)
        record = present.usable(job, retry)
        if record is None:
            todo.append(job)
        else:
            if record.status != "failed":
                # of a worker that was killed between its record and the end of its work
                store.forget_training(job)
            listen(job, {"phase": "present", **_told(record)})
            summary.present.append(job)
    if todo:
        store.check_writable()
        remove_files_of_dead_runners(store.folder)
        crew = _Crew(
            store, executor, device, present, keep_weights, strategy, checkpoint_seconds, list(command), listen,
            failed_before,
        )  # fmt: skip
        _work(crew, todo, summary)
    summary.seconds = time.monotonic() - began
    return summary


@dataclass(frozen=True)
class _Result:
    """What came of one job.

    record:  None where the job was declined, for `reason`.
    is_ours: whether this run made it.
    """

    record: Record | None
    is_ours: bool
    reason: str = ""


@dataclass
class _Present:
    """The records that make running a job unnecessary."""

    store: Store
    retry: bool
    _stated: dict[str, dict[str, Any]] = field(default_factory=dict)

    def usable(self, job: Job, retry: bool) -> Record | None:
        """The record of a job; None where it is to be run, as with `retry` a failed one is.

        Raises: RecordError for one that is not comparable.
        """
        record = self.store.read(job)
        if record is not None and record.job != job:
            raise RecordError(f"the record in the place of job {job.id} is of another job: move it away to go on")
        if record is None or (retry and record.status == "failed"):
            return None
        # a failed job's record states nothing but the version
        if contents(record.protocol) and not same_contents(record.protocol, stated := self._now_stated(job)):
            raise RecordError(
                f"the record of {job.title} ({job.id}) was made under protocol {job.protocol!r} with "
                f"{differing(record.protocol, stated)}, which dataset {job.dataset.name!r} states now: raise the "
                "version of its Protocol, or name another folder with --out"
            )
        return record

    def _now_stated(self, job: Job) -> dict[str, Any]:
        """What the dataset of a job states now; asked of each dataset once."""
        key = f"{job.dataset.name} {job.dataset.text}"
        if key not in self._stated:
            self._stated[key] = stated_by(make_dataset(job.dataset))
        return self._stated[key]


@dataclass
class _Crew:
    store: Store
    executor: Executor
    device: str
    present: _Present
    keep_weights: bool
    strategy: str
    checkpoint_seconds: float
    command: list[str]
    listen: Listen
    failed_before: dict[str, Any]

    def do(self, job: Job) -> _Result | None:
        """Run one job; None while another runner has it."""
        with self.store.claim(job) as ours:
            if not ours:
                return None
            # another runner may have finished it since we looked; what failed there is not run again here
            is_new = self.store.state_of(job) != self.failed_before.get(job.id)
            record = self.present.usable(job, self.present.retry and not is_new)
            if record is not None:
                return _Result(record, is_ours=False)
            return self._run(job)

    def _run(self, job: Job) -> _Result:
        self.listen(job, {"phase": "start"})
        request = Request(
            job=job,
            store=str(self.store.folder),
            device=self.device,
            threads=self.executor.threads,
            keep_weights=self.keep_weights,
            strategy=self.strategy,
            checkpoint_seconds=self.checkpoint_seconds,
            command=self.command,
            plugins=providers(job),
        )
        started, former = datetime.now(UTC), self.store.read(job)
        ended = self.executor.run(request, lambda event: self.listen(job, event))
        if ended.kind == "StoreError":
            raise StoreError(ended.message)
        if ended.kind == "Stopped":
            raise Stopped(ended.message)
        if ended.kind == "Declined":
            self.store.forget_failure(job)
            self.listen(job, {"phase": "end", "status": "declined", "message": ended.message})
            return _Result(None, is_ours=True, reason=ended.message)
        record = self.store.read(job)
        # a worker that died after it had written its record has left a result like any other
        if record is None or (record == former and ended.status is None):
            record = self.store.write_failure(_died(job, ended, started, self.device))
        if ended.status is None and record.status != "failed":
            self.store.forget_training(job)
        self.listen(job, {"phase": "end", **_told(record)})
        return _Result(record, is_ours=True)


def _work(crew: _Crew, todo: list[Job], summary: Summary) -> None:
    """Keep every slot busy until all jobs are through."""
    pool = ThreadPoolExecutor(crew.executor.slots)
    waiting, running = list(todo), dict[Future[_Result | None], Job]()
    named, idle_since = set[str](), time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < crew.executor.slots:
                job = waiting.pop(0)
                running[pool.submit(crew.do, job)] = job
            # a short wait, so that Ctrl-C is heard
            done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                job, result = running.pop(future), future.result()
                if result is None:
                    waiting.append(job)
                    if job.id not in named and time.monotonic() - idle_since > NAME_SECONDS:
                        named.add(job.id)
                        crew.listen(job, {"phase": "waiting", "message": crew.store.claimed_by(job)})
                    time.sleep(POLL_SECONDS)
                    continue
                idle_since = time.monotonic()
                _count(summary, job, result, crew.keep_weights)
    except BaseException:
        crew.executor.stop()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _count(summary: Summary, job: Job, result: _Result, keep_weights: bool) -> None:
    record = result.record
    if record is None:
        summary.declined_jobs.append(job)
        line = f"{job.dataset.name} × {job.model.name} × {job.solver.name}: {result.reason}"
        if line not in summary.declined:
            summary.declined.append(line)
    elif not result.is_ours:
        summary.present.append(job)
    else:
        lists = {"completed": summary.completed, "diverged": summary.diverged, "failed": summary.failed}
        lists[record.status].append(job)
        if keep_weights and "weights" in record.notes:
            summary.without_weights.setdefault(str(record.notes["weights"]), []).append(job)


def _told(record: Record) -> dict[str, Any]:
    """What a listener is told of a record; of its numbers only what validation says."""
    return {
        "status": record.status,
        "message": record.failure.message if record.failure else "",
        "hypervolume": record.indicators.get("val", {}).get("hypervolume"),
        "seconds": record.cost.training_seconds + record.cost.evaluation_seconds if record.cost else None,
    }


def _died(job: Job, ended: Exit, started: datetime, device: str) -> Record:
    """The record of a job whose process could not write one."""
    message = ended.message
    if ended.status is not None:
        message = f"the job's process said that the job {ended.status}, and left no record"
    return Record(
        id=job.id,
        status="failed",
        job=job,
        protocol={"version": job.protocol},
        objectives=[],
        failure=failure(ended.kind, message, ended.details),
        provenance=provenance.collect(started, device, 0),
    )
