"""Events of a job: frozen dataclasses that report what happens to a job during a run.

`mobench.run(..., on_event=...)` passes each event to a function as it happens. Every event class has a `phase`,
which is its name on the pipe of a worker and in the lines of `--json`.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal, TypeAlias

JobStatus: TypeAlias = Literal["completed", "diverged", "failed", "declined", "pruned"]
"""How a job ended. A declined job has no record; a pruned one was stopped by a hyperparameter search."""


@dataclass(frozen=True)
class Event:
    """Base class of all events.

    phase: name of the kind of the event; a constant of each class.
    """

    phase: ClassVar[str]

    def to_json(self) -> str:
        """Return the event as one line of JSON: its phase and its fields."""
        return json.dumps({"phase": self.phase, **asdict(self)})


@dataclass(frozen=True)
class JobPresent(Event):
    """The job has a record from before the run, so it is not run.

    status: status of the record.
    message: why the job failed or diverged; "" for a completed job.
    hypervolume: on the validation split; None if the record has none.
    seconds: seconds of training and evaluation; None if the record has none.
    """

    phase = "present"
    status: JobStatus
    message: str = ""
    hypervolume: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class JobWaiting(Event):
    """The job waits for another process that has claimed it or still trains it.

    message: which process it is, since when, and what to do if it hangs; the end of a sentence.
    """

    phase = "waiting"
    message: str


@dataclass(frozen=True)
class JobStarted(Event):
    """The job starts."""

    phase = "start"


@dataclass(frozen=True)
class DataLoading(Event):
    """The job's process loads the dataset."""

    phase = "data"


@dataclass(frozen=True)
class StrategyMeasuring(Event):
    """The job's process looks up or measures the fastest execution strategy."""

    phase = "strategy"


@dataclass(frozen=True)
class TrainingProgress(Event):
    """Progress of training, at most twice a second and after each validation check.

    step: number of steps taken.
    total: number of steps of the budget; None for a budget in seconds.
    fraction: share of the budget that is spent, in [0, 1].
    epoch: number of epochs, with its fraction.
    seconds: seconds of training.
    losses: running mean of the training loss of each objective. May contain NaN and infinity.
    hypervolume: finite, of the last validation check; None before the first.
    is_validation_check: whether a validation check was made at this step, so that `hypervolume` belongs to this step.

    Raises: ValueError for a fraction or a hypervolume outside these bounds.
    """

    phase = "train"
    step: int
    total: int | None
    fraction: float
    epoch: float
    seconds: float
    losses: tuple[float, ...]
    hypervolume: float | None = None
    is_validation_check: bool = False

    def __post_init__(self) -> None:
        _check_fraction(self.fraction)
        if self.hypervolume is not None and not math.isfinite(self.hypervolume):
            raise ValueError(f"hypervolume is {self.hypervolume}: pass a finite number or None")


@dataclass(frozen=True)
class EvaluationProgress(Event):
    """The evaluation of a split starts.

    split: "train", "val" or "test".
    fraction: share of the splits that are evaluated, in [0, 1].

    Raises: ValueError for a fraction outside these bounds.
    """

    phase = "evaluate"
    split: str
    fraction: float

    def __post_init__(self) -> None:
        _check_fraction(self.fraction)


@dataclass(frozen=True)
class NodeLost(Event):
    """The cluster node that ran the job was lost. The job starts again on another node unless no retry is left.

    attempt: number of the attempt that was lost, from 1.
    message: what happened to the node.
    """

    phase = "lost"
    attempt: int
    message: str


@dataclass(frozen=True)
class JobEnded(Event):
    """The job has ended.

    status: status of its record; "declined" if a part of the job declined another part, "pruned" if a hyperparameter
        search stopped it.
    message: why the job has no result; "" for a completed job.
    hypervolume: on the validation split; None if there is none.
    seconds: seconds of training and evaluation; None if there is no result.
    """

    phase = "end"
    status: JobStatus
    message: str = ""
    hypervolume: float | None = None
    seconds: float | None = None


JobEvent: TypeAlias = (
    JobPresent
    | JobWaiting
    | JobStarted
    | DataLoading
    | StrategyMeasuring
    | TrainingProgress
    | EvaluationProgress
    | NodeLost
    | JobEnded
)
"""Every event of a job, in the order in which a job goes through them.

A new event is added here, and where type checking and `tests/cli/test_events_are_shown.py` then ask for it: the live
views of `mobench.cli`, and `WorkerProgress` in `mobench.runs.worker_events` if a worker sends it.
"""


def _check_fraction(fraction: float) -> None:
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction is {fraction}: pass a number from 0 to 1")
