"""The worker as the executor starts it: a request on standard input, events on standard output."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mobench.interfaces import Strategy
from mobench.jobs.job import Budget, Job
from mobench.jobs.resolve import resolve
from mobench.records.store import Store
from mobench.runs.execution import execute
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions

WORDS = [sys.executable, "-m", "mobench.runs.worker"]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "out")


def job(**budget: Any) -> Job:
    return resolve("vlmop2", "point", "phn-ls", {}, Budget(**budget))


@pytest.mark.slow
def test_a_worker_computes_the_same_numbers_as_this_process(store: Store, environment: dict[str, str]) -> None:
    request = Request(
        job=job(steps=15),
        store=str(store.folder),
        options=RunOptions(strategy=Strategy(), keep_weights=True, command=("mobench", "run", "x")),
    )
    done = subprocess.run(
        WORDS, input=request.model_dump_json(), env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1] == {"phase": "done", "status": "completed"}
    assert [e["phase"] for e in events][:2] == ["data", "train"]
    record = store.read(request.job)
    assert record is not None
    assert record.digest == execute(request.job, threads=1).digest
    assert record.provenance.command == ["mobench", "run", "x"]
    assert store.weights(request.job).is_file()
    assert done.stderr == ""


@pytest.fixture
def training(store: Store, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A worker during a long training, with a checkpoint of its job in the store."""
    request = Request(job=job(seconds=86_400), store=str(store.folder), options=RunOptions(checkpoint_seconds=0.1))
    process = subprocess.Popen(
        WORDS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(request.model_dump_json())
    process.stdin.close()
    for line in process.stdout:
        if json.loads(line)["phase"] == "train" and store.checkpoint(request.job).exists():
            break
    yield process
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        assert pipe is not None
        pipe.close()


@pytest.mark.slow
def test_a_worker_that_is_told_to_stop_leaves_no_record_and_keeps_its_checkpoint(
    training: subprocess.Popen[str], store: Store
) -> None:
    training.send_signal(signal.SIGTERM)
    assert training.wait(60) == 130
    assert store.contents().records == []
    assert store.checkpoint(job(seconds=86_400)).exists()


@pytest.mark.slow
def test_a_worker_whose_runner_is_gone_stops_and_keeps_its_checkpoint(
    training: subprocess.Popen[str], store: Store
) -> None:
    """The runner was killed, or its terminal closed: nothing reads the worker's events. The job has not failed."""
    assert training.stdout is not None
    training.stdout.close()
    assert training.wait(60) != 0
    assert store.contents().records == []
    assert store.checkpoint(job(seconds=86_400)).exists()


LOUD = """
import os, sys
from dataclasses import dataclass
from mobench import Balancer, Spec, hookimpl

@hookimpl
def mobench_balancers():
    return [Spec("loud", "guest_loud:Loud", version="1")]

def __getattr__(name):
    @dataclass(eq=False)
    class Loud(Balancer):
        def __call__(self, losses, preferences, gram):
            print("from print")
            os.system("echo from a child")
            os.write(1, b'{"phase": "done", "status": "diverged"}\\n')
            return preferences
    if name == "Loud":
        return Loud
    raise AttributeError(name)
"""


@pytest.mark.slow
def test_what_a_plugin_prints_is_not_taken_for_events(
    store: Store, environment: dict[str, str], tmp_path: Path
) -> None:
    meta = tmp_path / "site" / "guest_loud-0.1.dist-info"
    meta.mkdir(parents=True)
    (meta.parent / "guest_loud.py").write_text(LOUD)
    (meta / "METADATA").write_text("Metadata-Version: 2.1\nName: guest-loud\nVersion: 0.1\n")
    (meta / "entry_points.txt").write_text("[mobench]\nloud = guest_loud\n")
    quiet = job(steps=2)
    assert quiet.solver.balancer is not None
    data = quiet.model_dump()
    data["solver"]["balancer"]["name"] = "loud"
    request = Request(job=Job.model_validate(data), store=str(store.folder))
    done = subprocess.run(
        WORDS, input=request.model_dump_json(), env={**environment, "PYTHONPATH": str(meta.parent)},
        capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    assert [json.loads(line)["phase"] for line in done.stdout.splitlines()][-1] == "done"
    assert json.loads(done.stdout.splitlines()[-1])["status"] == "completed"
    assert "from print" in done.stderr
    assert "from a child" in done.stderr


def test_a_request_that_is_none_ends_the_worker(environment: dict[str, str]) -> None:
    done = subprocess.run(
        WORDS, input='{"job": 3}', env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 1
    assert "ValidationError" in done.stderr


@pytest.mark.slow
def test_without_a_strategy_one_is_measured_recorded_and_remembered(store: Store, environment: dict[str, str]) -> None:
    request = Request(job=job(steps=3), store=str(store.folder))
    done = subprocess.run(
        WORDS, input=request.model_dump_json(), env=environment, capture_output=True, text=True, timeout=120, check=True
    )
    assert {"phase": "strategy"} in [json.loads(line) for line in done.stdout.splitlines()]
    record = store.read(request.job)
    assert record is not None
    assert record.provenance.strategy is not None
    [cache_path] = (Path(environment["XDG_CACHE_HOME"]) / "mobench" / "strategies").glob("*.json")
    cached_choice = json.loads(cache_path.read_text())
    assert record.provenance.strategy == {**cached_choice["strategy"], "remark": cached_choice["remark"]}
