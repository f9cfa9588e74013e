"""Lines on the pipe of a worker: events, and other text that a plugin can write there."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mobench.events import (
    DataLoading,
    EvaluationProgress,
    Event,
    JobEnded,
    JobStarted,
    JobWaiting,
    NodeLost,
    StrategyMeasuring,
    TrainingProgress,
)
from mobench.runs.worker_events import (
    MAX_CHARACTERS,
    WorkerDeclined,
    WorkerDone,
    WorkerError,
    WorkerProgress,
    WorkerResult,
    parse_event,
)

FRACTIONS, TEXTS = st.floats(0, 1), st.text(st.characters(exclude_categories=["Cs"]))
FINITE = st.floats(allow_nan=False, allow_infinity=False)
EVENTS: dict[type[Event], st.SearchStrategy[Any]] = {
    JobWaiting: st.builds(JobWaiting, TEXTS),
    DataLoading: st.builds(DataLoading),
    StrategyMeasuring: st.builds(StrategyMeasuring),
    TrainingProgress: st.builds(
        TrainingProgress, st.integers(0, 2**62), st.none() | st.integers(1, 2**62), FRACTIONS, FINITE, FINITE,
        st.lists(st.floats(allow_nan=False)).map(tuple), st.none() | FINITE,
    ),
    EvaluationProgress: st.builds(EvaluationProgress, TEXTS, FRACTIONS),
    WorkerDone: st.builds(WorkerDone, st.sampled_from(["completed", "diverged", "failed"])),
    WorkerDeclined: st.builds(WorkerDeclined, TEXTS),
    WorkerError: st.builds(WorkerError, TEXTS),
}  # fmt: skip
TRAIN = TrainingProgress(1, None, 0.5, 1.0, 0.1, (0.5, 0.25), None)


def train(**fields: Any) -> str:
    """Return the line of a training event with other values, which the class itself may reject."""
    return json.dumps({**json.loads(TRAIN.to_json()), **fields})


NO_EVENTS = [
    "", "[1,2]", "{}", "3", "null", '"phase"', "nonsense", '{"phase": "do', '{"phase": 3}', '{"phase": null}',
    JobEnded("completed").to_json(), JobStarted().to_json(), NodeLost(1, "gone").to_json(),
    '{"phase": "of a later version", "extent": 3}', '{"phase": "data", "extent": 3}', '{"phase": "train", "step": 1}',
    '{"phase": "done", "status": "splendid"}', '{"phase": "done", "status": "declined"}', '{"phase": "done"}',
    train(fraction="half"), train(fraction="0.5"), train(fraction=math.nan), train(fraction=-1), train(fraction=True),
    train(losses=3), train(losses=["a"]), train(losses=None), train(hypervolume=[1]), train(hypervolume=math.inf),
    train(step=1.5), train(step=True), train(step="1"), train(total={}), train(extent=3),
    '{"phase": "evaluate", "split": {}, "fraction": 0}', '{"phase": "evaluate", "split": "test", "fraction": 1.5}',
    '{"phase": "error", "message": 3}', "[" * 60_000, '{"phase": "error", "message": ' + "[" * 900 + "]" * 900 + "}",
    '{"phase": "error", "message": "' + "x" * MAX_CHARACTERS + '"}',
]  # fmt: skip


def test_every_event_of_a_worker_is_tested() -> None:
    assert set(EVENTS) == set(get_args(WorkerProgress | WorkerResult))


@pytest.mark.parametrize("cls", EVENTS)
@given(data=st.data())
def test_an_event_is_read_as_it_was_written(cls: type[Event], data: st.DataObject) -> None:
    event = data.draw(EVENTS[cls])
    line = event.to_json()
    assert "\n" not in line
    assert json.loads(line)["phase"] == cls.phase
    if len(line) <= MAX_CHARACTERS:
        assert parse_event(line) == parse_event(line.encode()) == event


def test_losses_that_are_not_finite_are_read_as_they_were_written() -> None:
    event = parse_event(TrainingProgress(3, 9, 1 / 3, 1.0, 0.1, (math.nan, math.inf), 0.5).to_json())
    assert isinstance(event, TrainingProgress)
    assert math.isnan(event.losses[0])
    assert event.losses[1] == math.inf


@pytest.mark.parametrize("line", NO_EVENTS, ids=lambda line: line[:45])
def test_anything_else_is_no_event(line: str) -> None:
    assert parse_event(line) is None


@pytest.mark.parametrize("fraction", [-0.1, 1.1, math.nan])
def test_an_event_out_of_bounds_cannot_be_constructed(fraction: float) -> None:
    with pytest.raises(ValueError, match="pass a number from 0 to 1"):
        EvaluationProgress("test", fraction)
    with pytest.raises(ValueError, match="pass a number from 0 to 1"):
        TrainingProgress(1, None, fraction, 1.0, 0.1, ())
    with pytest.raises(ValueError, match="pass a finite number or None"):
        TrainingProgress(1, None, 0.5, 1.0, 0.1, (), math.inf)
