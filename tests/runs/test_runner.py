"""Runs end to end in this process: jobs that run, jobs that are left out, and failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from in_process import InProcess

from mobench.errors import RecordError, StoreError
from mobench.events import JobEvent, JobStarted, TrainingProgress
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.execution import execute
from mobench.runs.executors.base import Exit
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions
from mobench.runs.worker_events import WorkerProgress


@pytest.fixture
def plan(tiny: Path) -> Plan:
    return plans.plan(suites.load(str(tiny)))


@pytest.fixture
def long(plan: Plan) -> Plan:
    """One job that would take a day."""
    data = plan.jobs[0].model_dump()
    data["budget"] = {"seconds": 86_400, "batch_size": 256}
    return Plan("long", [Job.model_validate(data)])


def test_what_is_missing_is_run_and_what_is_there_is_not(plan: Plan, tmp_path: Path) -> None:
    store, events = Store(tmp_path / "out"), []
    first = runner.run(plan, store, InProcess(2), listen=lambda job, e: events.append(e.phase))
    assert (len(first.completed), len(first.present)) == (2, 0)
    assert {"start", "train", "evaluate", "end"} <= set(events)
    stamps = {p: p.stat().st_mtime_ns for p in store.records_folder.iterdir()}
    second = runner.run(plan, store, InProcess())
    assert (len(second.completed), len(second.present)) == (0, 2)
    store.path(plan.jobs[0]).unlink()
    third = runner.run(plan, store, InProcess())
    assert third.completed == [plan.jobs[0]]
    present_path = store.path(plan.jobs[1])
    assert present_path.stat().st_mtime_ns == stamps[present_path]


def test_a_record_under_another_reference_of_the_same_version_is_not_taken_for_the_jobs(
    plan: Plan, tmp_path: Path
) -> None:
    store = Store(tmp_path / "out")
    record = execute(plan.jobs[0])
    other = {**record.protocol, "reference": [7.0, 7.0]}
    path = store.write(record.model_copy(update={"protocol": other}))
    before = path.read_bytes()
    with pytest.raises(RecordError, match=r"reference \[7.0, 7.0\] instead of \[1.0, 1.0\].*raise the version"):
        runner.run(plan, store, InProcess())
    assert path.read_bytes() == before
    assert list(store.records_folder.iterdir()) == [path]


@pytest.mark.slow
def test_a_record_holds_what_it_should(plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    runner.run(
        plan, store, LocalExecutor(), RunOptions(command=("mobench", "run", str(tmp_path / "secret" / "tiny.toml")))
    )
    for record in store.contents().records:
        assert record.status == "completed"
        assert set(record.fronts) == {"train", "val", "test"}
        assert set(record.indicators) == {"train", "val", "test", "test@5"}
        assert len(record.fronts["test"].losses) == (5 if record.job.solver.name == "ls" else 25)
        assert {"hypervolume", "igd", "igd_plus", "gd", "epsilon", "spacing", "n_non_dominated"} <= set(
            record.indicators["test"]
        )
        assert record.cost is not None
        assert record.cost.steps == 20
        assert record.cost.n_models == (5 if record.job.solver.name == "ls" else 1)
        assert record.cost.switch_seconds > 0
        assert record.trace[-1].step == 20
        text = record.to_json()
        assert str(tmp_path) not in text
        assert os.uname().nodename not in text
        assert record.provenance.packages["torch"]


def test_the_same_job_has_the_same_numbers_and_another_seed_others(plan: Plan) -> None:
    job = plan.jobs[-1]
    other = Job.model_validate({**job.model_dump(), "seeds": dict.fromkeys(job.seeds.model_dump(), 1)})
    first, second, third = (execute(j, threads=1) for j in (job, job, other))
    assert first.digest == second.digest
    assert third.digest != first.digest


class Kills(LocalExecutor):
    """Kills its worker as soon as that has begun to train."""

    def run(self, request: Request, tell: Any) -> Exit:
        def listen(event: WorkerProgress) -> None:
            if isinstance(event, TrainingProgress):
                for process in self._running:
                    process.kill()
            tell(event)

        return super().run(request, listen)


class Dies(InProcess):
    """Has a worker that ends without a record."""

    def run(self, request: Request, tell: Any) -> Exit:
        return Exit(None, "the job's process was killed by SIGKILL")


@pytest.mark.slow
def test_a_killed_worker_leaves_a_failure_record_and_the_rest_goes_on(long: Plan, plan: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    killed = runner.run(long, store, Kills())
    assert killed.failed == long.jobs
    record = store.read(long.jobs[0])
    assert record is not None
    assert record.failure is not None
    assert (record.status, record.failure.kind) == ("failed", "ProcessDied")
    assert "SIGKILL" in record.failure.message
    assert len(runner.run(plan, store, LocalExecutor()).completed) == 2


@pytest.mark.slow
def test_a_job_that_takes_too_long_is_ended_and_says_so(long: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    summary = runner.run(long, store, LocalExecutor(timeout=6))
    assert summary.failed == long.jobs
    record = store.read(long.jobs[0])
    assert record is not None
    assert record.failure is not None
    assert "timed out after 6 seconds" in record.failure.message


def test_failed_jobs_are_run_again_unless_told_otherwise(long: Plan, tmp_path: Path) -> None:
    store = Store(tmp_path / "out")
    assert runner.run(long, store, Dies()).failed == long.jobs
    assert runner.run(long, store, Dies(), RunOptions(retry=False)).present == long.jobs
    assert runner.run(long, store, Dies()).failed == long.jobs


def broken_job(plan: Plan) -> Job:
    """A job whose data is unavailable: Fashion-MNIST is not among the embedded digits."""
    from mobench.jobs.job import Budget, SeedSet
    from mobench.jobs.resolve import resolve

    return resolve("multifashion", "lenet", "ls", {"source": "embedded"}, Budget(steps=1), SeedSet())


def test_a_job_that_raises_leaves_its_traceback_without_folders_of_the_machine(plan: Plan) -> None:
    record = execute(broken_job(plan))
    assert record.status == "failed"
    assert record.failure is not None
    assert record.failure.kind == "DataError"
    assert "use source=full" in record.failure.message
    assert 'File "mobench_multimnist/dataset.py"' in record.failure.traceback
    assert "/site-packages/" not in record.failure.traceback
    assert 'File "/' not in record.failure.traceback


def test_one_failure_leaves_the_other_jobs_alone(plan: Plan, tmp_path: Path) -> None:
    mixed = Plan("mixed", [broken_job(plan), *plan.jobs])
    summary = runner.run(mixed, Store(tmp_path / "out"), InProcess())
    assert (len(summary.failed), len(summary.completed)) == (1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4])
def test_several_runners_on_one_store_run_each_job_once(plan: Plan, tmp_path: Path, n: int) -> None:
    summaries: list[runner.Summary] = []
    begun: list[str] = []

    def listen(job: Job, event: JobEvent) -> None:
        if isinstance(event, JobStarted):
            begun.append(job.id)

    def run_plan() -> None:
        summaries.append(runner.run(plan, Store(tmp_path / "out"), InProcess(), listen=listen))

    threads = [threading.Thread(target=run_plan) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(begun) == sorted(job.id for job in plan.jobs)
    assert sum(len(s.completed) for s in summaries) == 2
    assert sum(len(s.present) for s in summaries) == 2 * (n - 1)
    assert len(Store(tmp_path / "out").contents().records) == 2


def test_no_space_is_an_error_at_once_and_nothing_is_trained(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    started: list[str] = []
    with pytest.raises(StoreError, match="No space left"):
        runner.run(plan, Store(tmp_path / "out"), InProcess(), listen=lambda job, e: started.append(e.phase))
    assert "start" not in started


@pytest.mark.slow
def test_a_worker_stopped_and_resumed_has_the_digest_of_an_uninterrupted_one(
    plan: Plan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kill −9 costs at most the work since the last checkpoint, and changes no digit of the result."""
    job = Job.model_validate({**plan.jobs[1].model_dump(), "budget": {"steps": 400, "batch_size": 256}})
    uninterrupted = execute(job, threads=1)
    checkpoint = tmp_path / "checkpoint.pt"
    script = (
        "import sys; from pathlib import Path; from mobench.runs import execution; from mobench.jobs.job import Job\n"
        "from mobench.interfaces import Strategy; from mobench.runs.run_options import RunOptions\n"
        "job, checkpoint = Job.model_validate_json(sys.argv[1]), Path(sys.argv[2])\n"
        "execution.execute(job, RunOptions('cpu', Strategy(), checkpoint_seconds=0), threads=1, checkpoint=checkpoint)"
    )
    process = subprocess.Popen([sys.executable, "-c", script, job.model_dump_json(), str(checkpoint)])
    for _ in range(2400):
        if checkpoint.exists():
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    resumed = execute(job, threads=1, checkpoint=checkpoint)
    assert resumed.cost is not None
    assert resumed.cost.resumed == 1
    assert resumed.digest == uninterrupted.digest
    assert checkpoint.exists(), "until the record is in safety"


def test_cores_are_divided_among_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    from mobench.runs.executors.local import available_cores

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert LocalExecutor(1).threads == available_cores()
    assert LocalExecutor(10_000).threads == 1
