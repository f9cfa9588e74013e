"""State of a run in progress: the state of each job, the estimated remaining time, and the best results so far.

This module only computes; it does not draw or print.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeAlias, assert_never

from mobench.events import (
    DataLoading,
    EvaluationProgress,
    JobEnded,
    JobEvent,
    JobPresent,
    JobStarted,
    JobStatus,
    JobWaiting,
    NodeLost,
    StrategyMeasuring,
    TrainingProgress,
)

if TYPE_CHECKING:
    from mobench.jobs.job import Job

JobState: TypeAlias = Literal["waiting", "running"] | JobStatus
SURE_AFTER_SECONDS = 1.0
"""Minimum time of observed training from which its speed is estimated."""


@dataclass
class Watched:
    """A job, its state and its last event. Times are seconds of the tally's clock."""

    job: Job
    state: JobState = "waiting"
    present: bool = False
    event: JobEvent | None = None
    fraction: float | None = None
    losses: tuple[float, ...] = ()
    hypervolume: float | None = None
    message: str = ""
    recorded_seconds: float | None = None
    began: float = 0.0
    ended: float | None = None
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None

    @cached_property
    def likeness(self) -> str:
        """Key of jobs with the same dataset, model and budget. The length of one is an estimate for the others."""
        job = self.job
        return "\n".join(part.model_dump_json() for part in (job.dataset, job.model, job.budget))

    @cached_property
    def kind(self) -> str:
        """Key of jobs that differ only in their seeds, and therefore take equally long."""
        return f"{self.likeness}\n{self.job.solver.model_dump_json()}"

    @property
    def training(self) -> float | None:
        """Estimated seconds of the whole training at the observed speed; None if it was not observed long enough."""
        if self.first is None or self.last is None:
            return None
        (then, from_), (now, to) = self.first, self.last
        # a job that resumes from a checkpoint does not start at fraction 0
        return (now - then) / (to - from_) if now - then >= SURE_AFTER_SECONDS and to > from_ else None

    @property
    def length(self) -> float | None:
        """Seconds of a completed job, or of a running job until the estimated end of its training; else None."""
        if self.state == "completed":
            # the record of a resumed job includes the time before the interruption
            ran = 0.0 if self.present or self.ended is None else self.ended - self.began
            return max(ran, self.recorded_seconds or 0.0)
        if self.training is None or self.first is None:
            return None
        return self.first[0] - self.began + self.training

    @property
    def judging(self) -> float | None:
        """Seconds of a completed job from the end of its training to its end; None if it was not observed."""
        watched = self.state == "completed" and self.last is not None and self.ended is not None
        return self.ended - self.last[0] if watched else None  # type: ignore[operator, index]


@dataclass(frozen=True)
class TimeLeft:
    """Estimated remaining time.

    seconds: None if the length of some job cannot be estimated.
    guessed: number of jobs whose length is a guess from other jobs.
    """

    seconds: float | None
    guessed: int = 0


Expected = Callable[[Watched], TimeLeft]


class Tally:
    """Keeps the state of a run from the runner's events.

    slots: number of jobs at once.
    clock: function that returns the time in seconds.
    """

    def __init__(self, jobs: Sequence[Job], slots: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs = {job.id: Watched(job) for job in jobs}
        self.slots, self.clock = slots, clock
        self.began = clock()
        self._expected_jobs = len(self.jobs)

    def expect(self, n_jobs: int) -> None:
        """Set the expected number of jobs, if not all of them are known yet."""
        self._expected_jobs = n_jobs

    @property
    def n_jobs(self) -> int:
        """Number of jobs, including expected ones that are not known yet."""
        return max(self._expected_jobs, len(self.jobs))

    @property
    def n_waiting(self) -> int:
        return self.n_jobs - self.n_done - len(self.of("running"))

    def hear(self, job: Job, event: JobEvent) -> Watched:
        """Update the state by an event of a job, and return the state of that job."""
        watched = self.jobs.setdefault(job.id, Watched(job))
        watched.event = event
        now = self.clock()
        match event:
            case JobStarted():
                watched.state, watched.began = "running", now
            case TrainingProgress():
                watched.fraction, watched.losses = event.fraction, event.losses
                watched.last = (now, event.fraction)
                watched.first = watched.first or watched.last
            case NodeLost():
                # the next attempt may start at another fraction and run at another speed
                watched.fraction = watched.first = watched.last = None
            case JobPresent() | JobEnded():
                watched.state, watched.message = event.status, event.message
                watched.present, watched.ended = isinstance(event, JobPresent), now
                watched.recorded_seconds = event.seconds
            case JobWaiting() | DataLoading() | StrategyMeasuring() | EvaluationProgress():
                pass
            case _:
                assert_never(event)
        if isinstance(event, TrainingProgress | JobPresent | JobEnded) and event.hypervolume is not None:
            watched.hypervolume = event.hypervolume
        return watched

    def of(self, *states: JobState) -> list[Watched]:
        """Return the jobs that are in one of the states, in their order."""
        return [watched for watched in self.jobs.values() if watched.state in states]

    @property
    def n_done(self) -> int:
        return len(self.jobs) - len(self.of("waiting", "running"))

    @property
    def seconds(self) -> float:
        """Seconds since the start of the run."""
        return self.clock() - self.began

    def time_left_of(self, watched: Watched) -> TimeLeft:
        """Return the estimated remaining time of a running job."""
        return self._time_left_of(watched, self._expected("length"), self._expected("judging"))

    def time_left(self) -> TimeLeft:
        """Return the estimated remaining time of the run, with `slots` jobs at once.

        A waiting job is assumed to take as long as the jobs that differ from it only in the seed. If there are none,
        its length is guessed as the mean over jobs with the same dataset, model and budget. The length of a job that
        is not known yet is guessed as the mean over all jobs.
        """
        length, judging = self._expected("length"), self._expected("judging")
        running = [self._time_left_of(watched, length, judging) for watched in self.of("running")]
        waiting = [length(watched) for watched in self.of("waiting")]
        waiting += [self._anything()] * (self.n_jobs - len(self.jobs))
        lefts = [left.seconds for left in (*running, *waiting)]
        known_seconds = [seconds for seconds in lefts if seconds is not None]
        if len(known_seconds) < len(lefts):
            return TimeLeft(None)
        n, guessed = len(running), sum(left.guessed for left in (*running, *waiting))
        return TimeLeft(makespan(known_seconds[:n], known_seconds[n:], self.slots), guessed)

    def best(self) -> dict[str, Watched]:
        """Return dataset -> the job with the largest validation hypervolume so far."""
        best: dict[str, Watched] = {}
        for watched in self.jobs.values():
            if watched.hypervolume is None or watched.state in ("diverged", "failed", "pruned"):
                continue
            previous = best.get(watched.job.dataset.name)
            if previous is None or watched.hypervolume > (previous.hypervolume or 0.0):
                best[watched.job.dataset.name] = watched
        return best

    def _anything(self) -> TimeLeft:
        lengths = [watched.length for watched in self.of("running", "completed") if watched.length is not None]
        return TimeLeft(sum(lengths) / len(lengths) if lengths else None, guessed=1)

    def _time_left_of(self, watched: Watched, length: Expected, judging: Expected) -> TimeLeft:
        now = self.clock()
        if watched.training is not None and watched.last is not None:
            if isinstance(watched.event, EvaluationProgress) and judging(watched).seconds is None:
                return TimeLeft(None)
            rest = (1.0 - watched.last[1]) * watched.training + (judging(watched).seconds or 0.0)
            return TimeLeft(max(0.0, rest - (now - watched.last[0])))
        total = length(watched)
        return TimeLeft(
            None if total.seconds is None else max(0.0, total.seconds - (now - watched.began)), total.guessed
        )

    def _expected(self, quantity: Literal["length", "judging"]) -> Expected:
        """Return a function that estimates `length` or `judging` of a job.

        The estimate is the mean over jobs of its kind, or as a guess, the mean over jobs with the same likeness.
        """
        values = defaultdict[str, list[float]](list)
        for watched in self.of("running", "completed"):
            if (value := getattr(watched, quantity)) is not None:
                values[watched.kind].append(value)
                values[watched.likeness].append(value)
        means = {key: sum(values_of_key) / len(values_of_key) for key, values_of_key in values.items()}
        return lambda job: (
            TimeLeft(means[job.kind]) if job.kind in means else TimeLeft(means.get(job.likeness), guessed=1)
        )


def makespan(running: Sequence[float], waiting: Sequence[float], slots: int) -> float:
    """Return the seconds until all jobs end, if each waiting job starts as soon as one of `slots` is free.

    running, waiting: remaining seconds of each job.
    """
    free = [*running, *[0.0] * max(0, slots - len(running))]
    heapq.heapify(free)
    for length in waiting:
        heapq.heappush(free, heapq.heappop(free) + length)
    return max(free, default=0.0)


Show = Callable[[Tally, Watched], None]
"""Function that shows an event of a run, given the tally and the job of the event."""
