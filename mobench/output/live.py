"""Progress of a run in the mode of the command line: a live view, plain lines, nothing, or events."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias, assert_never

from mobench.events import (
    DataLoading,
    EvaluationProgress,
    JobEnded,
    JobEvent,
    JobPresent,
    JobStarted,
    JobWaiting,
    NodeLost,
    StrategyMeasuring,
    TrainingProgress,
)
from mobench.output.formats import duration, numbers
from mobench.output.printing import JsonLines, events, is_quiet, warn
from mobench.output.progress import on_terminal
from mobench.output.result_lines import BestOfDataset, JobLine, RunLine
from mobench.output.tally import Show, Tally, Watched
from mobench.text import one_line, printable

if TYPE_CHECKING:
    from mobench.jobs.job import Job
    from mobench.runs.runner import Listen

LINE_SECONDS = 10.0
Warned: TypeAlias = JobWaiting | NodeLost
"""Events that are warnings in every mode. With `--quiet`, no other event is shown."""
NotInLines: TypeAlias = JobPresent | DataLoading | StrategyMeasuring | EvaluationProgress
"""Events that have no plain line of their own."""


@contextmanager
def watch(tally: Tally, title: str, ends: bool = True) -> Iterator[Listen]:
    """Return a context manager that gives a listener for the runner, which shows the events of the run.

    tally: the tally of the jobs.
    title:  heading of the live view.
    ends:  whether to print lines when jobs start and end. False if the caller reports them.

    Events may arrive from any thread; they are shown one at a time.
    """
    guard = threading.RLock()
    with _view(tally, guard, title, ends) as show:

        def listen(job: Job, event: JobEvent) -> None:
            with guard:
                if isinstance(event, Warned):
                    _warn(job, event)
                show(tally, tally.hear(job, event))

        yield listen


def _warn(job: Job, event: Warned) -> None:
    match event:
        case JobWaiting(message):
            warn(f"{job.title} is {message}", "waiting")
        case NodeLost(attempt, message):
            warn(f"{job.title}: the node of attempt {attempt} was lost: {one_line(message)}", "lost")
        case _:
            assert_never(event)


@contextmanager
def _view(tally: Tally, guard: threading.RLock, title: str, ends: bool) -> Iterator[Show]:
    if (stream := events()) is not None:
        yield lambda tally, watched: emit(stream, tally, watched)
    elif is_quiet():
        yield lambda tally, watched: None
    elif on_terminal():
        from mobench.output.screen import screen

        with screen(tally, guard, title, ends) as show:
            yield show
    else:
        yield Lines(ends).show


class Lines:
    """Prints plain lines: when a job starts and ends, and at tenths of its training.

    Lines about the training of a job are at least ten seconds apart.
    """

    def __init__(self, ends: bool = True) -> None:
        self._ends = ends
        self._last_line: dict[str, tuple[float, int]] = {}

    def show(self, tally: Tally, watched: Watched) -> None:
        line = self._line(tally, watched)
        if line:
            print(" ".join(printable(line).splitlines()), file=sys.stderr, flush=True)

    def _line(self, tally: Tally, watched: Watched) -> str:
        title, event = watched.job.title, watched.event
        if event is None or isinstance(event, NotInLines | Warned):
            return ""
        match event:
            case JobStarted():
                self._last_line[watched.job.id] = (tally.clock(), 0)
                return f"start   {title}" if self._ends else ""
            case TrainingProgress():
                since, tenth = self._last_line.get(watched.job.id, (tally.clock(), 0))
                reached = int(10 * event.fraction + 1e-9)
                if reached <= tenth or tally.clock() - since < LINE_SECONDS:
                    return ""
                self._last_line[watched.job.id] = (tally.clock(), reached)
                return f"{10 * reached:4d} %  {title}{_details(watched)}{_eta(tally)}"
            case JobEnded():
                text = f"{watched.state} {title}{_details(watched)}{_eta(tally)}"
                return f"[{tally.n_done}/{tally.n_jobs}] {text}" if self._ends else ""
            case _:
                assert_never(event)


def _details(watched: Watched) -> str:
    if watched.message:
        return f": {watched.message}"
    losses = (
        f"losses {numbers(watched.losses)}" if watched.losses and isinstance(watched.event, TrainingProgress) else ""
    )
    volume = f"validation HV {watched.hypervolume:.4g}" if watched.hypervolume is not None else ""
    text = ", ".join(filter(None, (losses, volume)))
    return f": {text}" if text else ""


def _eta(tally: Tally) -> str:
    return f" (ETA {duration(tally.time_left())})" if tally.n_done < tally.n_jobs else ""


def emit(stream: JsonLines, tally: Tally, watched: Watched) -> None:
    """Emit the `job` event, and after a start or an end of a job also the `run` event."""
    job, event = watched.job, watched.event
    assert event is not None
    stream.emit(
        JobLine(
            id=job.id,
            dataset=job.dataset.name,
            model=job.model.name,
            solver=job.solver.name,
            seed=job.seeds.solver,
            phase=event.phase,
            split=event.split if isinstance(event, EvaluationProgress) else None,
            fraction=event.fraction if isinstance(event, TrainingProgress) else None,
            losses=event.losses if isinstance(event, TrainingProgress) else None,
            hypervolume=watched.hypervolume,
            eta_seconds=tally.time_left_of(watched).seconds if watched.state == "running" else None,
            status=watched.state if isinstance(event, JobPresent | JobEnded) else None,
            message=(event.message if isinstance(event, JobPresent | JobEnded | Warned) else "") or None,
        )
    )
    if isinstance(event, JobPresent | JobStarted | JobEnded):
        stream.emit(run_line(tally))


def run_line(tally: Tally) -> RunLine:
    """Return the line about the whole run."""
    left = tally.time_left()
    return RunLine(
        jobs=tally.n_jobs,
        done=tally.n_done,
        failed=len(tally.of("failed", "diverged")),
        running=len(tally.of("running")),
        waiting=tally.n_waiting,
        seconds=tally.seconds,
        eta_seconds=left.seconds,
        guessed=left.guessed,
        best=[
            BestOfDataset(
                dataset,
                watched.hypervolume,
                watched.job.solver.name,
                watched.job.seeds.solver,
                watched.state == "completed",
            )
            for dataset, watched in tally.best().items()
        ],
    )
