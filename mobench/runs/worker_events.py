"""Events on a worker's pipe, one line of JSON each. Lines are validated, because plugins can write to the pipe too."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import Any, TypeAlias, get_args

from pydantic import TypeAdapter

from mobench.events import DataLoading, EvaluationProgress, Event, JobWaiting, StrategyMeasuring, TrainingProgress
from mobench.records.record import Status

MAX_CHARACTERS = 1 << 16
"""Maximum length of a line; a longer line is not an event."""


@dataclass(frozen=True)
class WorkerDone(Event):
    """Last event of a worker: the job has a record in the store."""

    phase = "done"
    status: Status


@dataclass(frozen=True)
class WorkerDeclined(Event):
    """Last event of a worker: a part of the job declines another part, so there is no record."""

    phase = "declined"
    message: str


@dataclass(frozen=True)
class WorkerError(Event):
    """Last event of a worker: the store cannot be read or written."""

    phase = "error"
    message: str


WorkerProgress: TypeAlias = JobWaiting | DataLoading | StrategyMeasuring | TrainingProgress | EvaluationProgress
"""Events that a worker sends and that listeners of a run receive."""
WorkerResult: TypeAlias = WorkerDone | WorkerDeclined | WorkerError
"""Last events of a worker, which only its executor receives."""
CLASSES: dict[str, type[Any]] = {cls.phase: cls for cls in get_args(WorkerProgress | WorkerResult)}
"""Phase -> class of every event that a worker sends."""
ADAPTERS: dict[str, TypeAdapter[Any]] = {phase: TypeAdapter(cls) for phase, cls in CLASSES.items()}
"""Phase -> validator of the class."""


def parse_event(line: str | bytes) -> WorkerProgress | WorkerResult | None:
    """Return the event of a line that `Event.to_json` wrote.

    None for a line that is too long, truncated or not a JSON object, for an unknown phase, and for a field that is
    missing, unknown, of a wrong type or out of bounds.
    """
    try:
        fields = json.loads(line) if len(line) <= MAX_CHARACTERS else None
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or not isinstance(phase := fields.pop("phase", None), str):
        return None
    cls = CLASSES.get(phase)
    if cls is None or not fields.keys() <= {field.name for field in dataclasses.fields(cls)}:
        return None
    try:
        # lines of JSON, because a tuple is a list there
        event: WorkerProgress | WorkerResult = ADAPTERS[phase].validate_json(json.dumps(fields), strict=True)
    except (ValueError, RecursionError):  # a ValidationError of pydantic is a ValueError
        return None
    return event
