"""Run the jobs of a plan that have no record in the store yet."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeAlias

from mobench.errors import RecordError, StoreError, SuiteError
from mobench.events import JobEnded, JobEvent, JobPresent, JobStarted, JobWaiting
from mobench.in_process.transport import packed
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan
from mobench.jobs.resolve import make_dataset, providers
from mobench.records import provenance
from mobench.records.protocols import contents, differing, same_contents, stated_by
from mobench.records.record import Record
from mobench.records.size_limits import failure
from mobench.records.store import Store
from mobench.runs.executors.base import Executor, Exit
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.leases import remove_files_of_dead_runners
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

Listen: TypeAlias = Callable[[Job, JobEvent], None]
"""Receives every event of every job of a run."""
POLL_SECONDS = 0.5
NAME_SECONDS = 5.0
"""Time without a job to run after which a `JobWaiting` event names the runner that has the job."""


class Stopped(Exception):
    """Raised when the executor was stopped from elsewhere. Running jobs keep their state."""


@dataclass
class Summary:
    """Result of a run. Each job is in exactly one of the lists completed, present, diverged, failed, declined_jobs.

    present: jobs whose record existed before, or that another runner ran.
    declined: the reasons why combinations were declined. The first `n_declined_by_plan` were declined by the plan,
        the others, which belong to `declined_jobs`, when their jobs started.
    declined_jobs: jobs that were declined when they started. They have no record and are not failures.
    without_weights: reason -> jobs whose weights should have been kept but are missing.
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
        """Raise SuiteError if every job was declined, as planning does."""
        if self.declined_jobs and not (self.completed or self.present or self.diverged or self.failed):
            raise SuiteError(f"suite {suite!r} has no job left: {'; '.join(self.declined)}")


def run(
    plan: Plan,
    store: Store,
    executor: Executor,
    options: RunOptions = RunOptions(),  # noqa: B008 - frozen
    *,
    listen: Listen = lambda job, event: None,
) -> Summary:
    """Run the jobs of a plan that have no record yet. Each job leaves a record, unless one of its parts declines it.

    listen: called with a job and an event, from several threads. The last event of a job is `JobPresent` or `JobEnded`,
        except for a job that another runner runs.

    Several runners may share a store: the first runner that claims a job runs it, and the others wait for its
    record. On KeyboardInterrupt the workers are stopped, their checkpoints are kept, and the interrupt is raised
    again.

    Raises: StoreError if records cannot be written; RecordError for an existing record that is unreadable, or that
        was made when the dataset had other contents under the same protocol version; Stopped if the executor is
        stopped from elsewhere.
    """
    began = time.monotonic()
    summary = Summary(declined=list(plan.declined), n_declined_by_plan=len(plan.declined))
    present = _Present(store, options.retry)
    todo, failed_before = [], dict[str, Any]()
    for job in plan.jobs:
        failed_before[job.id] = store.state_of(job)
        record = present.usable(job, options.retry)
        if record is None:
            todo.append(job)
        else:
            if record.status != "failed":
                # left by a worker that was killed after it had written its record
                store.forget_training(job)
            listen(job, JobPresent(**_result_of(record)))
            summary.present.append(job)
    if todo:
        store.check_writable()
        remove_files_of_dead_runners(store.folder)
        _work(_Crew(store, executor, options, present, listen, failed_before), todo, summary)
    summary.seconds = time.monotonic() - began
    return summary


@dataclass(frozen=True)
class _Result:
    """Result of one job.

    record:  the job's record, or None if the job was declined.
    is_ours: whether this runner ran the job.
    reason:  why the job was declined.
    """

    record: Record | None
    is_ours: bool
    reason: str = ""


@dataclass
class _Present:
    """Existing records, for which a job need not be run."""

    store: Store
    retry: bool
    _stated: dict[str, dict[str, Any]] = field(default_factory=dict)

    def usable(self, job: Job, retry: bool) -> Record | None:
        """Return the record of a job, or None if the job must be run. With `retry`, failed jobs must be run.

        Raises: RecordError for a record that is not comparable.
        """
        record = self.store.read(job)
        if record is not None and record.job != job:
            raise RecordError(f"the record file of job {job.id} belongs to another job: move it away to go on")
        if record is None or (retry and record.status == "failed"):
            return None
        # the record of a failed job contains only the version of the protocol
        if contents(record.protocol) and not same_contents(record.protocol, stated := self._now_stated(job)):
            raise RecordError(
                f"the record of {job.title} ({job.id}) was made under protocol {job.protocol!r} with "
                f"{differing(record.protocol, stated)}, which dataset {job.dataset.name!r} states now: raise the "
                "version of its Protocol, or name another folder with --out"
            )
        return record

    def _now_stated(self, job: Job) -> dict[str, Any]:
        """Return the current protocol of the job's dataset, cached for each dataset."""
        key = f"{job.dataset.name} {job.dataset.text}"
        if key not in self._stated:
            self._stated[key] = stated_by(make_dataset(job.dataset))
        return self._stated[key]


@dataclass
class _Crew:
    store: Store
    executor: Executor
    options: RunOptions
    present: _Present
    listen: Listen
    failed_before: dict[str, Any]

    def do(self, job: Job) -> _Result | None:
        """Run one job. Returns its result, or None while another runner has the job."""
        with self.store.claim(job) as ours:
            if not ours:
                return None
            # another runner may have finished the job since the last check; a job that failed there is not retried here
            is_new = self.store.state_of(job) != self.failed_before.get(job.id)
            record = self.present.usable(job, self.present.retry and not is_new)
            if record is not None:
                return _Result(record, is_ours=False)
            return self._run(job)

    def _run(self, job: Job) -> _Result:
        self.listen(job, JobStarted())
        request = Request(
            job=job,
            store=str(self.store.folder),
            options=self.options,
            threads=self.executor.threads,
            plugins=providers(job),
            in_process=packed(job.registered_parts),
        )
        started, previous = datetime.now(UTC), self.store.read(job)
        ended = self.executor.run(request, lambda event: self.listen(job, event))
        if ended.kind == ExitKind.STORE_ERROR:
            raise StoreError(ended.message)
        if ended.kind == ExitKind.STOPPED:
            raise Stopped(ended.message)
        if ended.kind == ExitKind.DECLINED:
            self.store.forget_failure(job)
            self.listen(job, JobEnded("declined", ended.message))
            return _Result(None, is_ours=True, reason=ended.message)
        record = self.store.read(job)
        # the record of a worker that died after it had written the record is valid
        if record is None or (record == previous and ended.status is None):
            record = self.store.write_failure(_died(job, ended, started, self.options.device))
        if ended.status is None and record.status != "failed":
            self.store.forget_training(job)
        self.listen(job, JobEnded(**_result_of(record)))
        return _Result(record, is_ours=True)


def _work(crew: _Crew, todo: list[Job], summary: Summary) -> None:
    """Run all jobs, keeping every slot of the executor busy."""
    pool = ThreadPoolExecutor(crew.executor.slots)
    waiting, running = list(todo), dict[Future[_Result | None], Job]()
    named, idle_since = set[str](), time.monotonic()
    try:
        while waiting or running:
            while waiting and len(running) < crew.executor.slots:
                job = waiting.pop(0)
                running[pool.submit(crew.do, job)] = job
            # a short timeout, so that Ctrl-C is handled
            done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                job, result = running.pop(future), future.result()
                if result is None:
                    waiting.append(job)
                    if job.id not in named and time.monotonic() - idle_since > NAME_SECONDS:
                        named.add(job.id)
                        crew.listen(job, JobWaiting(crew.store.claimed_by(job)))
                    time.sleep(POLL_SECONDS)
                    continue
                idle_since = time.monotonic()
                _count(summary, job, result, crew.options.keep_weights)
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


def _result_of(record: Record) -> dict[str, Any]:
    """Return the fields of a `JobPresent` or `JobEnded` event. Of the results they contain only the hypervolume."""
    return {
        "status": record.status,
        "message": record.failure.message if record.failure else "",
        "hypervolume": record.indicators.get("val", {}).get("hypervolume"),
        "seconds": record.cost.training_seconds + record.cost.evaluation_seconds if record.cost else None,
    }


def _died(job: Job, ended: Exit, started: datetime, device: str) -> Record:
    """Return the failure record of a job whose process did not write a record."""
    message = ended.message
    if ended.status is not None:
        message = f"the job's process reported that the job {ended.status}, but left no record"
    return Record(
        id=job.id,
        status="failed",
        job=job,
        protocol={"version": job.protocol},
        objectives=[],
        failure=failure(ended.kind, message, ended.details),
        provenance=provenance.collect(started, device, 0),
    )
