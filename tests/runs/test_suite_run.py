"""`mobench run` and `mobench.run` are one function: the same arguments give the same requests to workers."""

from __future__ import annotations

import inspect
import sys
import threading
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
from in_process import InProcess
from typer.testing import CliRunner

import mobench
from mobench.cli.main import app
from mobench.errors import MobenchError
from mobench.events import JobEnded, JobEvent, JobPresent, JobStarted, TrainingProgress
from mobench.interfaces import Strategy
from mobench.runs.executors.base import Exit, Tell
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    """Register the executor "spy.executor", which runs jobs in this process; return the requests that it receives."""
    received: list[Request] = []

    class Spy(InProcess):
        def run(self, request: Request, tell: Tell) -> Exit:
            received.append(request)
            return super().run(request, tell)

    package, module = ModuleType("spy"), ModuleType("spy.executor")
    module.make = lambda limits: Spy(limits.jobs or 1)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "spy", package)
    monkeypatch.setitem(sys.modules, "spy.executor", module)
    return received


def test_the_command_line_and_python_send_the_same_requests(
    requests: list[Request], tiny: Path, tmp_path: Path
) -> None:
    words = ["run", tiny, "--solver", "ls", "--set", "lr=0.05", "--seeds", "0,1", "--steps", "3", "--device", "cpu"]
    words += ["--strategy", "layout=contiguous,threads=1", "--checkpoint", "7", "--keep-weights", "--quiet"]
    words += ["--data-workers", "2"]
    words += ["--executor", "spy.executor", "--out", tmp_path / "a"]
    assert CliRunner().invoke(app, list(map(str, words))).exit_code == 0
    mobench.run(
        tiny, solver="ls", settings={"lr": 0.05}, seeds=[0, 1], steps=3, strategy="layout=contiguous,threads=1",
        checkpoint=7, keep_weights=True, data_workers=2, executor="spy.executor", out=tmp_path / "b",
    )  # fmt: skip
    by_command, by_python = requests[:2], requests[2:]
    assert [request.options.command[0] for request in by_command] == ["mobench", "mobench"]
    assert [request.options.command for request in by_python] == [(), ()]
    strategy = Strategy(layout="contiguous", threads=1)
    expected = RunOptions("cpu", strategy, keep_weights=True, checkpoint_seconds=7, data_workers=2)
    for command_request, python_request in zip(by_command, by_python, strict=True):
        assert (command_request.store, python_request.store) == (str(tmp_path / "a"), str(tmp_path / "b"))
        assert (command_request.job, command_request.threads, command_request.plugins) == (
            python_request.job,
            python_request.threads,
            python_request.plugins,
        )
        assert replace(command_request.options, command=()) == python_request.options == expected


def test_a_checkpoint_is_as_frequent_as_the_options_of_a_run_state() -> None:
    assert inspect.signature(mobench.run).parameters["checkpoint"].default == RunOptions().checkpoint_seconds


def test_options_reach_a_worker_unchanged(tiny: Path) -> None:
    from mobench.jobs import plan as plans
    from mobench.jobs import suite as suites

    (job, *_) = plans.plan(suites.load(tiny)).jobs
    for strategy in (None, Strategy(), Strategy("batch_last", "grouped", "split", 3)):
        options = RunOptions("cuda:1", strategy, True, 0.25, False, ("mobench", "run", "a b"), 3)
        request = Request(job=job, store="out", options=options, threads=2, plugins=["p"])
        assert Request.model_validate_json(request.model_dump_json()) == request


def test_events_reach_a_python_caller_one_at_a_time_and_in_order(
    requests: list[Request], tiny: Path, tmp_path: Path
) -> None:
    events: dict[str, list[JobEvent]] = {}
    under_way = threading.Lock()

    def on_event(job: Any, event: JobEvent) -> None:
        assert under_way.acquire(blocking=False), "two calls at once"
        events.setdefault(job.title, []).append(event)
        under_way.release()

    mobench.run(tiny, jobs=2, executor="spy.executor", out=tmp_path, on_event=on_event)
    assert len(events) == 2
    for job_events in events.values():
        assert isinstance(job_events[0], JobStarted)
        assert isinstance(job_events[-1], JobEnded)
        assert job_events[-1].status == "completed"
        assert any(isinstance(event, TrainingProgress) for event in job_events)
        assert all(isinstance(event, get_args(JobEvent)) for event in job_events)
    events.clear()
    mobench.run(tiny, out=tmp_path, on_event=on_event)
    assert [[type(event) for event in job_events] for job_events in events.values()] == [[JobPresent], [JobPresent]]


def test_an_exception_of_a_listener_ends_the_run(requests: list[Request], tiny: Path, tmp_path: Path) -> None:
    class Enough(Exception):
        pass

    def on_event(job: Any, event: JobEvent) -> None:
        raise Enough

    with pytest.raises(Enough):
        mobench.run(tiny, executor="spy.executor", out=tmp_path, on_event=on_event)
    assert requests == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"timeout": -1}, "^timeout was given -1"),
        ({"memory": "much"}, "^memory was given 'much'"),
        ({"memory": 0}, "^memory was given 0"),
        ({"cpus": 0.5}, "^cpus was given 0.5"),
        ({"gpus": float("nan")}, "^gpus was given nan"),
        ({"checkpoint": -1}, "^checkpoint was given -1"),
        ({"strategy": "layout=round"}, "strategy: layout is 'round'"),
        ({"address": "there:1"}, "address has no effect with --executor local"),
        ({"executor": "lokal"}, "did you mean 'local'"),
    ],
)
def test_python_checks_the_options_of_a_run(tiny: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(MobenchError, match=message):
        mobench.run(tiny, **arguments)
