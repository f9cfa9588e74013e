"""Lines on the pipe of a worker: events, and other text that a plugin can write there."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from mobench.cli.live import Lines, emit
from mobench.cli.output import JsonLines
from mobench.cli.tally import Tally
from mobench.jobs.job import Budget, Job, Part, SolverPart
from mobench.runs.worker_events import MAX_CHARACTERS, parse_event

PART = Part(name="d", version="1")
JOB = Job(dataset=PART, model=PART, solver=SolverPart(name="s", version="1"), budget=Budget(steps=1), protocol="p")
TRAIN: dict[str, Any] = {
    "phase": "train",
    "step": 1,
    "total": None,
    "fraction": 0.5,
    "epoch": 1.0,
    "seconds": 0.1,
    "losses": [0.5, math.nan],
    "hypervolume": None,
}
EVENTS: list[dict[str, Any]] = [
    {"phase": "data"},
    {"phase": "strategy"},
    TRAIN,
    {"phase": "train", "step": 1},
    {"phase": "evaluate", "split": "test"},
    {"phase": "done", "status": "completed"},
    {"phase": "declined", "message": "three objectives are too many"},
    {"phase": "error", "message": "no room"},
    {"phase": "of a later version", "extent": 3},
]
NO_EVENTS = [
    "", "[1,2]", "{}", "3", "null", '"phase"', "nonsense", '{"phase": "do', '{"phase": 3}', '{"phase": null}',
    '{"phase": "end", "status": "completed"}', '{"phase": "start"}', '{"phase": "done", "status": "splendid"}',
    '{"phase": "train", "fraction": "half"}', '{"phase": "train", "fraction": NaN}',
    '{"phase": "train", "fraction": -1}', '{"phase": "train", "losses": 3}', '{"phase": "train", "losses": ["a"]}',
    '{"phase": "train", "losses": [1' + "0" * 400 + "]}", '{"phase": "train", "hypervolume": [1]}',
    '{"phase": "train", "hypervolume": 1.8e308}', '{"phase": "evaluate", "split": {}}',
    '{"phase": "error", "message": 3}', "[" * 60_000, '{"phase": "data", "x": "' + "x" * MAX_CHARACTERS + '"}',
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event["phase"])
def test_an_event_is_read_as_it_was_written(event: dict[str, Any]) -> None:
    assert json.dumps(parse_event(json.dumps(event))) == json.dumps(event)
    assert json.dumps(parse_event(json.dumps(event).encode())) == json.dumps(event)


@pytest.mark.parametrize("line", NO_EVENTS, ids=lambda line: line[:45])
def test_anything_else_is_no_event(line: str) -> None:
    assert parse_event(line) is None


@pytest.mark.parametrize("event", [e for e in EVENTS if e["phase"] in ("data", "strategy", "train", "evaluate")])
def test_whatever_is_an_event_can_be_shown(event: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally([JOB])
    tally.hear(JOB, {"phase": "start"})
    one = tally.hear(JOB, event)
    Lines().show(tally, one)

    class Kept:
        lines = ""

        def write(self, text: str) -> int:
            self.lines += text
            return len(text)

        def flush(self) -> None:
            """Nothing is buffered."""

    kept: Any = Kept()
    emit(JsonLines(kept), tally, one)
    assert json.loads(kept.lines)["phase"] == event["phase"]
