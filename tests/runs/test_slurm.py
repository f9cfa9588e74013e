"""Jobs through submitit, on a SLURM of one machine (tests/support/slurm_stand_in.py)."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest
import submitit.core.core
from gated import Gate

from mobench.errors import OptionError
from mobench.events import EvaluationProgress, Event, JobEvent, NodeLost, TrainingProgress
from mobench.interfaces import Strategy
from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.executors import Limits, make, slurm
from mobench.runs.run_options import RunOptions

STAND_IN = Path(__file__).parents[1] / "support" / "slurm_stand_in.py"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which it keeps its tasks."""
    home, commands = tmp_path / "cluster", tmp_path / "bin"
    home.mkdir()
    commands.mkdir()
    for name in ("sbatch", "srun", "sacct", "scancel"):
        (commands / name).write_text(f"#!{sys.executable}\n" + STAND_IN.read_text())
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_STAND_IN", str(home))
    # submitit waits so long for the result of a task that has ended, because network file systems show files late
    monkeypatch.setattr(submitit.core.core.Job, "_results_timeout_s", 1)
    return home


def jobs_of(tiny: Path, steps: int) -> list[Job]:
    plan = plans.plan(suites.load(str(tiny)))
    budget = {"steps": steps, "batch_size": 256}
    return [Job.model_validate({**job.model_dump(), "budget": budget}) for job in plan.jobs]


@pytest.mark.slow
def test_jobs_are_one_array_and_each_ends_with_one_record(cluster: Path, tiny: Path, tmp_path: Path) -> None:
    jobs = jobs_of(tiny, 30)
    limits = Limits(cpus=2, memory=3 * 2**30, timeout=600, gpus=1, address="short")
    executor = make("slurm", limits)
    assert executor.threads == 2
    phases: list[str] = []
    summary = runner.run(
        Plan("two", jobs),
        Store(tmp_path / "out"),
        executor,
        RunOptions(strategy=Strategy()),
        listen=lambda job, event: phases.append(event.phase),
    )
    assert sorted(j.id for j in summary.completed) == sorted(j.id for j in jobs)
    contents = Store(tmp_path / "out").contents()
    assert sorted(r.id for r in contents.records) == sorted(j.id for j in jobs)
    assert {r.provenance.threads for r in contents.records} == {2}
    assert {"data", "train", "evaluate"} <= set(phases), "events come over while jobs run"
    (script,) = cluster.glob("job-*")
    script_text = script.read_text()
    for line in ("array=0-1%2", "cpus-per-task=2", "mem=3GB", "time=15", "gpus-per-node=1", "partition=short"):
        assert f"#SBATCH --{line}\n" in script_text
    assert list((tmp_path / "out" / "locks").glob("mark-*")) == []


@pytest.mark.slow
def test_a_lost_node_costs_no_job(cluster: Path, tiny: Path, tmp_path: Path, gate: Gate) -> None:
    jobs = [gate.job(job) for job in jobs_of(tiny, 1)]
    executor = make("slurm", Limits(cpus=1))
    phases: list[str] = []

    def listen(job: Job, event: JobEvent) -> None:
        phases.append(event.phase)
        if isinstance(event, TrainingProgress) and not list(cluster.glob("fail-*")):
            name = next(cluster.glob("task-*")).name.removeprefix("task-")
            (cluster / f"fail-{name}").touch()
            os.killpg(int((cluster / f"task-{name}").read_text()), signal.SIGKILL)
        if isinstance(event, NodeLost):
            gate.open()

    summary = runner.run(
        Plan("two", jobs),
        Store(tmp_path / "out"),
        executor,
        RunOptions(strategy=Strategy(), checkpoint_seconds=0),
        listen=listen,
    )
    assert sorted(j.id for j in summary.completed) == sorted(j.id for j in jobs)
    assert len(Store(tmp_path / "out").contents().records) == 2
    assert phases.count("lost") == 1


@pytest.mark.slow
def test_what_is_stopped_is_cancelled_and_leaves_no_record(cluster: Path, tiny: Path, tmp_path: Path) -> None:
    (job, *_) = jobs_of(tiny, 10**6)
    executor = make("slurm", Limits())
    training = threading.Event()

    def listen(job: Job, event: JobEvent) -> None:
        if isinstance(event, TrainingProgress) and not training.is_set():
            training.set()
            threading.Thread(target=executor.stop).start()

    with pytest.raises(runner.Stopped):
        runner.run(
            Plan("one", [job]), Store(tmp_path / "out"), executor, RunOptions(strategy=Strategy()), listen=listen
        )
    assert training.is_set()
    assert len(list(cluster.glob("cancelled-*"))) == 1
    assert Store(tmp_path / "out").contents().records == []


@pytest.mark.slow
def test_jobs_that_slurm_refuses_end_the_run_in_one_line(cluster: Path, tiny: Path, tmp_path: Path) -> None:
    shutil.copy("/bin/false", cluster.parent / "bin" / "sbatch")
    with pytest.raises(OptionError, match="SLURM refused the jobs"):
        runner.run(Plan("one", jobs_of(tiny, 10)), Store(tmp_path / "out"), make("slurm", Limits()))


def test_what_slurm_cannot_do_is_said(cluster: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="SLURM gives whole GPUs"):
        make("slurm", Limits(gpus=0.5))
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(OptionError, match="run it on a login node"):
        make("slurm", Limits())


def test_events_are_passed_on_in_parts_and_a_line_that_is_too_long_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "PART_BYTES", 100)
    path, received = tmp_path / "events", list[Event]()
    assert slurm._pass_on(path, 0, received.append) == 0, "there is no file yet"
    sent_events = [EvaluationProgress("test", step / 50) for step in range(50)]
    lines = [event.to_json() + "\n" for event in sent_events]
    long = EvaluationProgress("x" * 1000, 0.0).to_json() + "\n"
    path.write_text("".join(lines[:25]) + long + "".join(lines[25:]) + lines[0][:9])
    end = slurm._pass_on(path, 0, received.append)
    assert received == sent_events
    assert end == path.stat().st_size - 9, "half a line is left for the next time"
    with open(path, "a") as file:
        file.write(lines[0][9:])
    slurm._pass_on(path, end, received.append)
    assert received == [*sent_events, sent_events[0]]


@pytest.mark.parametrize("case", ["pipe", "link"])
def test_events_are_read_from_a_regular_file_alone(tmp_path: Path, case: str) -> None:
    path = tmp_path / "events"
    if case == "pipe":
        os.mkfifo(path)
    else:
        (tmp_path / "other").write_text('{"phase": "data"}\n')
        path.symlink_to(tmp_path / "other")
    received: list[Event] = []
    assert slurm._pass_on(path, 0, received.append) == 0
    assert received == []
