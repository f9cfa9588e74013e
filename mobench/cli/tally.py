"""What is known of a run while it lasts: the state of each job, how long the rest may take, the best so far.

Numbers alone: nothing here draws, prints or looks at a clock of its own.
"""

from __future__ import annotations

import heapq
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from mobench.jobs.job import Job

State = Literal["waiting", "running", "completed", "diverged", "failed", "pruned", "declined"]
SURE_AFTER_SECONDS = 1.0
"""Training that was watched for less says nothing about its speed."""


@dataclass
class Watched:
    """One job and what was last heard of it. Times are seconds of the tally's clock."""

    job: Job
    state: State = "waiting"
    present: bool = False
    phase: str = ""
    split: str = ""
    fraction: float | None = None
    losses: list[float] = field(default_factory=list)
    hypervolume: float | None = None
    message: str = ""
    recorded_seconds: float | None = None
    began: float = 0.0
    ended: float | None = None
    first: tuple[float, float] | None = None
    last: tuple[float, float] | None = None

    @cached_property
    def likeness(self) -> str:
        """The same for jobs that share data set, model and budget: each one's length is a guess for the others'."""
        job = self.job
        return "\n".join(part.model_dump_json() for part in (job.dataset, job.model, job.budget))

    @cached_property
    def kind(self) -> str:
        """The same for jobs that differ in their seeds alone, and so are equally long."""
        return f"{self.likeness}\n{self.job.solver.model_dump_json()}"

    @property
    def training(self) -> float | None:
        """Seconds of the whole training at the speed seen so far; None while it was not seen for long enough."""
        if self.first is None or self.last is None:
            return None
        (then, from_), (now, to) = self.first, self.last
        # a job that goes on from a checkpoint begins in the middle
        return (now - then) / (to - from_) if now - then >= SURE_AFTER_SECONDS and to > from_ else None

    @property
    def length(self) -> float | None:
        """Seconds from beginning to end, of a job that got to its end or whose end is in sight."""
        if self.state == "completed":
            # the record of a job that was taken up again counts what came before as well
            ran = 0.0 if self.present or self.ended is None else self.ended - self.began
            return max(ran, self.recorded_seconds or 0.0)
        if self.training is None or self.first is None:
            return None
        return self.first[0] - self.began + self.training

    @property
    def judging(self) -> float | None:
        """Seconds from the end of training to the end, of a job that was watched."""
        watched = self.state == "completed" and self.last is not None and self.ended is not None
        return self.ended - self.last[0] if watched else None  # type: ignore[operator, index]


@dataclass(frozen=True)
class Left:
    """How long the rest takes. seconds: None while nothing is known of some job. guessed: jobs of unknown length."""

    seconds: float | None
    guessed: int = 0


Expected = Callable[[Watched], Left]


class Tally:
    """Hears the runner's events. `clock` gives seconds; `slots` jobs run at once."""

    def __init__(self, jobs: Sequence[Job], slots: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self.jobs = {job.id: Watched(job) for job in jobs}
        self.slots, self.clock = slots, clock
        self.began = clock()
        self._expected_jobs = len(self.jobs)

    def expect(self, n_jobs: int) -> None:
        """Take note that there will be so many jobs, which are not all known yet."""
        self._expected_jobs = n_jobs

    @property
    def n_jobs(self) -> int:
        """The jobs that are known, and those that are expected."""
        return max(self._expected_jobs, len(self.jobs))

    @property
    def n_waiting(self) -> int:
        return self.n_jobs - self.n_done - len(self.of("running"))

    def hear(self, job: Job, event: dict[str, Any]) -> Watched:
        """Take note of an event; the job that it is about."""
        one = self.jobs.setdefault(job.id, Watched(job))
        one.phase, one.split = event["phase"], event.get("split", "")
        now = self.clock()
        one.hypervolume = one.hypervolume if event.get("hypervolume") is None else event["hypervolume"]
        if one.phase == "start":
            one.state, one.began = "running", now
        elif one.phase in ("present", "end"):
            one.state, one.message = event["status"], event.get("message", "")
            one.present, one.ended = one.phase == "present", now
            one.recorded_seconds = event.get("seconds")
        elif one.phase == "train" and "fraction" in event:
            one.fraction, one.losses = event["fraction"], event.get("losses", [])
            one.last = (now, event["fraction"])
            one.first = one.first or one.last
        return one

    def of(self, *states: State) -> list[Watched]:
        """The jobs in one of these states, in their order."""
        return [one for one in self.jobs.values() if one.state in states]

    @property
    def n_done(self) -> int:
        return len(self.jobs) - len(self.of("waiting", "running"))

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return self.clock() - self.began

    def left_of(self, one: Watched) -> Left:
        """How long a running job still takes."""
        return self._left_of(one, self._expected("length"), self._expected("judging"))

    def left(self) -> Left:
        """How long the rest takes with `slots` jobs at once, each as long as what is known of it says.

        A waiting job is as long as one of its kind, which differs in the seed alone; where there is none, it is
        guessed to be as long as the others of its data set, model and budget are on average. One of which nothing
        is known yet is guessed to be as long as the average of all.
        """
        length, judging = self._expected("length"), self._expected("judging")
        running = [self._left_of(one, length, judging) for one in self.of("running")]
        waiting = [length(one) for one in self.of("waiting")]
        waiting += [self._anything()] * (self.n_jobs - len(self.jobs))
        lefts = [left.seconds for left in (*running, *waiting)]
        known = [seconds for seconds in lefts if seconds is not None]
        if len(known) < len(lefts):
            return Left(None)
        n, guessed = len(running), sum(left.guessed for left in (*running, *waiting))
        return Left(makespan(known[:n], known[n:], self.slots), guessed)

    def best(self) -> dict[str, Watched]:
        """Data set -> the job with the largest validation hypervolume so far."""
        found: dict[str, Watched] = {}
        for one in self.jobs.values():
            if one.hypervolume is None or one.state in ("diverged", "failed", "pruned"):
                continue
            former = found.get(one.job.dataset.name)
            if former is None or one.hypervolume > (former.hypervolume or 0.0):
                found[one.job.dataset.name] = one
        return found

    def _anything(self) -> Left:
        lengths = [one.length for one in self.of("running", "completed") if one.length is not None]
        return Left(sum(lengths) / len(lengths) if lengths else None, guessed=1)

    def _left_of(self, one: Watched, length: Expected, judging: Expected) -> Left:
        now = self.clock()
        if one.training is not None and one.last is not None:
            if one.phase == "evaluate" and judging(one).seconds is None:
                return Left(None)
            rest = (1.0 - one.last[1]) * one.training + (judging(one).seconds or 0.0)
            return Left(max(0.0, rest - (now - one.last[0])))
        whole = length(one)
        return Left(None if whole.seconds is None else max(0.0, whole.seconds - (now - one.began)), whole.guessed)

    def _expected(self, what: Literal["length", "judging"]) -> Expected:
        """What to expect of a job: the mean over its kind; guessed, the mean over those that are like it."""
        values = defaultdict[str, list[float]](list)
        for one in self.of("running", "completed"):
            if (value := getattr(one, what)) is not None:
                values[one.kind].append(value)
                values[one.likeness].append(value)
        means = {key: sum(found) / len(found) for key, found in values.items()}
        return lambda one: Left(means[one.kind]) if one.kind in means else Left(means.get(one.likeness), guessed=1)


def makespan(running: Sequence[float], waiting: Sequence[float], slots: int) -> float:
    """Seconds until all is through, when each waiting job begins as soon as one of `slots` is free.

    running, waiting: seconds that are left of each.
    """
    free = [*running, *[0.0] * max(0, slots - len(running))]
    heapq.heapify(free)
    for length in waiting:
        heapq.heappush(free, heapq.heappop(free) + length)
    return max(free, default=0.0)


Show = Callable[[Tally, Watched], None]
"""Shows one event of a run, given the tally and the job that the event is about."""
