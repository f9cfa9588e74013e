"""Stores that cannot be written, other file systems, clocks that jump, Ctrl-C twice: through the installed command."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest

from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.records import provenance
from mobench.records.record import parse
from mobench.records.store import Store
from mobench.runs import execution

Cli = Any
OBEY = "restrictions:obey_permissions"


@pytest.fixture
def locked(finished: Path, tmp_path: Path) -> Iterator[Path]:
    """A read-only store."""
    out = tmp_path / "out"
    shutil.copytree(finished, out)
    folders = [out, *(p for p in out.rglob("*") if p.is_dir())]
    for folder in folders:
        folder.chmod(0o555)
    yield out
    for folder in folders:
        folder.chmod(0o755)


@pytest.mark.slow
def test_a_store_that_is_read_only_is_read_and_a_run_is_refused_in_one_line(cli: Cli, tiny: Path, locked: Path) -> None:
    board = cli("leaderboard", locked, before=OBEY)
    assert board.returncode == 0, board.stderr
    assert "phn-ls" in board.stdout
    before = sorted(locked.rglob("*"))
    done = cli("run", tiny, "--out", "out", "--seeds", "7", before=OBEY)
    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith("error: nothing can be written to out: Permission denied")
    assert sorted(locked.rglob("*")) == before


@pytest.mark.slow
def test_a_store_on_another_file_system_than_anything_else(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm") / f"mobench-{uuid4().hex}"
    assert Path("/dev/shm").stat().st_dev != tmp_path.stat().st_dev
    try:
        words = ("run", tiny, "--solver", "phn-ls", "--keep-weights", "--checkpoint", "0", "--out", elsewhere)
        done = cli(*words)
        assert done.returncode == 0, done.stderr
        assert [r.status for r in Store(elsewhere).contents().records] == ["completed"]
        assert len(list((elsewhere / "weights").iterdir())) == 1
    finally:
        shutil.rmtree(elsewhere, ignore_errors=True)


def test_a_clock_that_jumps_back_changes_no_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Durations come from monotonic clocks; the wall clock only dates the record."""
    job = resolve("vlmop2", "point", "phn-ls", {}, Budget(steps=20))
    calm = execution.execute(job, threads=1)
    hours = iter(range(1000, 0, -1))

    class Backwards(datetime):
        """Each reading is an hour earlier than the previous one."""

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=next(hours))

    monkeypatch.setattr(execution, "datetime", Backwards)
    monkeypatch.setattr(provenance, "datetime", Backwards)
    monkeypatch.setattr(time, "time", lambda: float(3600 * next(hours)))
    record = execution.execute(job, threads=1)
    Store(tmp_path).write(record)
    assert parse(Store(tmp_path).path(job).read_bytes(), "x") == record
    assert (record.status, record.digest) == ("completed", calm.digest)
    assert record.provenance.finished < record.provenance.started, "the clock did jump"
    assert record.cost is not None
    assert record.cost.training_seconds > 0
    assert record.cost.evaluation_seconds > 0


@pytest.mark.slow
def test_ctrl_c_twice_ends_at_once_without_a_traceback_and_leaves_no_worker(
    command: list[str], cli: Cli, environment: dict[str, str], tiny: Path, tmp_path: Path
) -> None:
    words = [*command, "run", str(tiny), "--seconds", "86400", "--out", "out", "--checkpoint", "0.1"]
    process = subprocess.Popen(words, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 120
    while not list((tmp_path / "out" / "checkpoints").glob("*.pt")) and time.monotonic() < end:
        time.sleep(0.05)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert workers
    process.send_signal(signal.SIGINT)
    time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    psutil.wait_procs(workers, timeout=30)
    assert not [w for w in workers if w.is_running() and w.status() != psutil.STATUS_ZOMBIE]
    assert Store(tmp_path / "out").contents().records == []
    assert list((tmp_path / "out" / "checkpoints").glob("*.pt"))


def _small_files_alone() -> None:
    """Before a command is started: room for a record of a job, and not for the weights of its hypernetwork."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (70_000, 70_000))


@pytest.mark.slow
def test_weights_without_room_cost_no_result_and_are_told_once(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    words = ("run", tiny, "--solver", "ls,phn-ls", "--seeds", "0,1", "--keep-weights", "--strategy", "default")
    done = cli(*words, "--out", "out", preexec_fn=_small_files_alone)
    assert done.returncode == 0, done.stderr
    records = Store(tmp_path / "out").contents().records
    assert [r.status for r in records] == ["completed"] * 4
    missing = [r for r in records if "weights" in r.notes]
    assert [r.job.solver.name for r in missing] == ["phn-ls"] * 2
    assert all(re.match("not kept: .*File too large", str(r.notes["weights"])) for r in missing)
    weights_names = {path.name for path in (tmp_path / "out" / "weights").iterdir()}
    assert weights_names == {f"{r.id}.safetensors" for r in records if r not in missing}
    [line] = [line for line in done.stderr.splitlines() if line.startswith("warning:")]
    assert line.startswith("warning: the weights of 2 jobs, vlmop2 · phn-ls · seed")
    assert "File too large" in line
    assert "make room and run with --keep-weights" in line


GREEDY = """
import time
import torch
from dataclasses import dataclass
from mobench import Spec, hookimpl
from mobench_analytic.problems import VLMOP2


@dataclass(frozen=True)
class Greedy(VLMOP2):
    def load(self, split):
        hoard = []
        for _ in range(20):  # the worker ends even if the test fails
            hoard.append(torch.ones(50_000_000))
            time.sleep(0.2)
        return super().load(split)


@hookimpl
def mobench_datasets():
    return [Spec("greedy", "greedy:Greedy")]
"""


@pytest.mark.slow
def test_a_job_that_takes_ever_more_memory_is_ended_and_the_others_complete(cli: Cli, tmp_path: Path) -> None:
    """A worker with torch takes some 300 to 700 MB; the job in question takes 200 MB more five times a second."""
    site = tmp_path / "site"
    (site / "greedy-1.0.dist-info").mkdir(parents=True)
    (site / "greedy.py").write_text(GREEDY)
    (site / "greedy-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: greedy\nVersion: 1.0\n")
    (site / "greedy-1.0.dist-info" / "entry_points.txt").write_text("[mobench]\ngreedy = greedy\n")
    suite = tmp_path / "greedy.toml"
    suite.write_text(
        'seeds = [0]\n[budget]\nsteps = 60\n[[entries]]\ndatasets = ["greedy", "vlmop2"]\n'
        'models = ["point"]\nsolvers = ["ls"]\n[entries.set]\n"solver.lr" = 0.01\n'
    )
    paths = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = ("run", suite, "--out", "out", "--memory", "1500MB", "--strategy", "default")
    done = cli(*words, env={"PYTHONPATH": paths})
    assert done.returncode == 1, done.stderr
    records = Store(tmp_path / "out").contents().records
    assert sorted((r.job.dataset.name, r.status) for r in records) == [
        ("greedy", "failed"), ("vlmop2", "completed"),
    ]  # fmt: skip
    for record in records:
        if record.failure is not None:
            assert record.failure.kind == "OutOfMemory"
            match = re.search(r"took (\d+) MB of memory, 1500 MB are allowed \(--memory\)", record.failure.message)
            assert match
            assert 1500 <= int(match[1]) < 4000
    assert "failed at seed 0" in done.stdout
