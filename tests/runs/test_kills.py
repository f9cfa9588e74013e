"""kill -9 of runners and workers at random moments. In full, with figures: `python tests/runs/test_kills.py 100 0 1`
(kills, seed, runners at once)."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.jobs.plan import Plan
from mobench.records.record import Record, parse
from mobench.runs.execution import execute

pytestmark = pytest.mark.slow

STEPS = 300
"""At a checkpoint each this is a second or two of training."""
SUITE = f"""
seeds = [0, 1]
[budget]
steps = {STEPS}
[[entries]]
datasets = ["vlmop2"]
models = ["point"]
solvers = ["ls", "phn-ls"]
"""
LONGEST = 9.0
"""Seconds within which a moment is drawn: from before the runner is up until after its jobs are through."""
TRAINING = 1.5
"""Of every second kill, seconds since training went on within which its moment is drawn."""


@dataclass
class Figures:
    """Counts of one series of kills."""

    kills: int = 0
    of_runners: int = 0
    of_workers: int = 0
    in_training: int = 0
    stores: int = 0
    resumed: int = 0
    repeated: int = 0


@dataclass
class Place:
    """One store, and runners on it that are killed until every job is through."""

    folder: Path
    figures: Figures
    chance: random.Random
    runners: int = 1
    n_kills_here: int = 0
    completed: dict[str, bytes] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        return self.folder / "out"

    def start(self) -> subprocess.Popen[bytes]:
        words = ["run", "suite.toml", "--out", "out", "--checkpoint", "0", "--jobs", "2", "-q", "--strategy", "default"]
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(
            [str(MOBENCH), *words],
            cwd=self.folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def kill_once(self) -> None:
        """Start, and kill a runner, a worker, or all of them at a random moment."""
        before = self.steps_made()
        started = [self.start() for _ in range(self.runners)]
        if self.chance.random() < 0.5:
            self.wait_for_training(before, started)
            time.sleep(self.chance.uniform(0.0, TRAINING))
        else:
            time.sleep(self.chance.uniform(0.0, LONGEST))
        workers = [w for p in started for w in _children(p)]
        whom = self.chance.choice(
            ["runner", "worker", "all"] if self.runners == 1 else ["one", "runner", "worker", "all"]
        )
        self.figures.in_training += any((self.out / "checkpoints").glob("*.pt"))
        self.figures.kills += 1
        self.n_kills_here += 1
        if whom != "worker" or not workers:
            self.figures.of_runners += 1
            for process in started[:1] if whom == "one" else started:
                process.kill()
        if whom not in ("runner", "one"):
            self.figures.of_workers += len(workers)
            for worker in workers if whom == "all" else workers[:1]:
                with suppress(psutil.NoSuchProcess):
                    worker.kill()
        for process in started:
            process.wait(120)
        self.check()

    def steps_made(self) -> dict[str, bytes]:
        """Name of a count of steps -> what it says."""
        content_by_name = {}
        for path in (self.out / "checkpoints").glob("*.steps"):
            with suppress(FileNotFoundError):
                content_by_name[path.name] = path.read_bytes()
        return content_by_name

    def wait_for_training(self, before: dict[str, bytes], started: list[subprocess.Popen[bytes]]) -> None:
        """Wait until another step is done, or all runners have ended."""
        while self.steps_made().items() <= before.items() and any(p.poll() is None for p in started):
            time.sleep(0.01)

    def finish(self) -> None:
        """Let it run undisturbed; the store must then be as after an undisturbed run."""
        for process in [self.start() for _ in range(self.runners)]:
            assert process.wait(240) == 0
        self.check()
        plan = plans.plan(suites.load(str(self.folder / "suite.toml")))
        records = self.records()
        assert sorted(r.id for r in records) == sorted(job.id for job in plan.jobs), "each job has one record"
        assert all(r.status == "completed" for r in records)
        assert {r.id: r.digest for r in records} == _undisturbed(plan)
        for record in records:
            assert record.cost is not None
            assert record.cost.steps == STEPS
            # a checkpoint after every step: a kill costs the step it interrupts, of each worker that it hits
            assert record.cost.repeated_steps <= self.n_kills_here
            self.figures.resumed += record.cost.resumed
            self.figures.repeated += record.cost.repeated_steps
        for folder_name in ("checkpoints", "records"):
            assert not [p for p in (self.out / folder_name).glob("*") if p.suffix != ".json"], "nothing lies about"
        self.figures.stores += 1

    def check(self) -> None:
        """No record is incomplete, lost, duplicated or changed, whichever process was killed."""
        content_by_name = {p.name: p.read_bytes() for p in (self.out / "records").glob("*.json")}
        record_by_name = {name: parse(data, name) for name, data in content_by_name.items()}
        assert len({r.id for r in record_by_name.values()}) == len(record_by_name)
        for name, data in self.completed.items():
            assert content_by_name[name] == data
        self.completed = {
            name: content_by_name[name] for name, record in record_by_name.items() if record.status == "completed"
        }

    def records(self) -> list[Record]:
        return [parse(p.read_bytes(), p.name) for p in (self.out / "records").glob("*.json")]

    def all_through(self) -> bool:
        return len(self.completed) == 4


MOBENCH = Path(sys.executable).parent / "mobench"
_KNOWN: dict[str, str] = {}


def _undisturbed(plan: Plan) -> dict[str, str]:
    """Return the digests of the jobs without kills."""

    for job in plan.jobs:
        if job.id not in _KNOWN:
            _KNOWN[job.id] = execute(job, threads=1).digest
    return _KNOWN


def _children(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(process.pid).children(recursive=True)
    return []


def kill(folder: Path, moments: int, seed: int, runners: int = 1, verbose: bool = False) -> Figures:
    """Perform this number of kills, over as many stores as necessary."""
    figures, chance = Figures(), random.Random(seed)
    while figures.kills < moments:
        place = Place(folder / f"store-{figures.stores}", figures, chance, runners)
        place.folder.mkdir()
        (place.folder / "suite.toml").write_text(SUITE)
        while figures.kills < moments and not place.all_through():
            place.kill_once()
            if verbose:
                print(figures, file=sys.stderr)
        place.finish()
    return figures


def test_kills_of_a_runner_and_its_workers_cost_no_record_and_at_most_a_step_each(tmp_path: Path) -> None:
    figures = kill(tmp_path, 3, seed=1)
    assert figures.kills == 3


@pytest.mark.parametrize("runners", [2, 4])
def test_several_runners_on_one_store_that_are_killed_once(tmp_path: Path, runners: int) -> None:
    figures = kill(tmp_path, 1, seed=2, runners=runners)
    assert figures.of_runners + figures.of_workers >= 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory() as home:
        print(kill(Path(home), int(sys.argv[1]), seed=int(sys.argv[2]), runners=int(sys.argv[3]), verbose=True))
