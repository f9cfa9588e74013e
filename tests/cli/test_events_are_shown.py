"""Every event of a job is shown in every mode of the command line, or listed as one that the mode does not show."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import get_args

import pytest
from rich.console import Console

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
from mobench.jobs.job import Budget, Job, Part, SolverPart
from mobench.output import live, printing
from mobench.output.live import LINE_SECONDS, Lines, watch
from mobench.output.printing import JsonLines
from mobench.output.screen import picture
from mobench.output.tally import Tally
from mobench.runs.runner import Listen

PART = Part(name="d", version="1")
JOB = Job(dataset=PART, model=PART, solver=SolverPart(name="s", version="1"), budget=Budget(steps=1), protocol="p")
EXAMPLES: list[JobEvent] = [
    JobPresent("failed", "out of memory"),
    JobWaiting("held by process 17 on there"),
    JobStarted(),
    DataLoading(),
    StrategyMeasuring(),
    TrainingProgress(5, 10, 0.5, 1.0, 30.0, (0.5, 0.25), 1.5),
    EvaluationProgress("test", 2 / 3),
    NodeLost(1, "SLURM ended task 7 of the job: NODE_FAIL"),
    JobEnded("completed", hypervolume=2.0, seconds=60.0),
]
WORDS = {
    JobPresent: "out of memory",
    JobWaiting: "held by process 17 on there",
    TrainingProgress: "0.5",
    EvaluationProgress: "test",
    NodeLost: "NODE_FAIL",
    JobEnded: "completed",
}
"""What a JSON line or a plain line of the event must contain besides its phase."""
events = pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)


def test_there_is_an_example_of_every_event() -> None:
    assert [type(event) for event in EXAMPLES] == list(get_args(JobEvent))
    assert len({event.phase for event in EXAMPLES}) == len(EXAMPLES)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def listeners(tally: Tally, clock: Clock, event: JobEvent) -> Iterator[Listen]:
    """Yield a listener that has heard the start of the job, unless the event comes before it."""
    with watch(tally, "run") as listen:
        if not isinstance(event, JobPresent | JobStarted):
            listen(JOB, JobStarted())
            clock.now += LINE_SECONDS
        yield listen


@events
def test_plain_lines(event: JobEvent, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally([JOB], clock=clock)
    for listen in listeners(tally, clock, event):
        capsys.readouterr()
        listen(JOB, event)
        printed = capsys.readouterr().err
    if isinstance(event, live.NotInLines):
        assert printed == ""
    else:
        assert JOB.title in printed
        assert WORDS.get(type(event), event.phase) in printed


@events
def test_quiet(event: JobEvent, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    token = printing._QUIET.set(True)
    try:
        for listen in listeners(Tally([JOB], clock=clock), clock, event):
            listen(JOB, event)
    finally:
        printing._QUIET.reset(token)
    printed = capsys.readouterr().err
    if isinstance(event, live.Warned):
        assert JOB.title in printed
        assert WORDS[type(event)] in printed
    else:
        assert printed == ""


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Switch to `--json`; return what is written."""
    stream = io.StringIO()
    token = printing._EVENTS.set(JsonLines(stream))
    yield stream
    printing._EVENTS.reset(token)


@events
def test_lines_of_json(event: JobEvent, clock: Clock, lines: io.StringIO) -> None:
    for listen in listeners(Tally([JOB], clock=clock), clock, event):
        lines.truncate(0)
        lines.seek(0)
        listen(JOB, event)
    objects = [json.loads(line) for line in lines.getvalue().splitlines()]
    (job_object,) = (line for line in objects if line["event"] == "job")
    assert (job_object["id"], job_object["phase"]) == (JOB.id, event.phase)
    assert WORDS.get(type(event), event.phase) in json.dumps(job_object)
    has_warning = any(line["event"] == "warning" and WORDS[type(event)] in line["message"] for line in objects)
    assert has_warning == isinstance(event, live.Warned)


def picture_text(tally: Tally) -> str:
    console = Console(file=io.StringIO(), width=120, height=40)
    with console.capture() as capture:
        console.print(picture(tally, "run", 120, 40))
    return capture.get()


@events
def test_the_live_view(event: JobEvent, clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    tally = Tally([JOB], clock=clock)
    for listen in listeners(tally, clock, event):
        before = picture_text(tally)
        listen(JOB, event)
        assert picture_text(tally) != before


def test_a_lost_node_starts_the_progress_of_its_job_again(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    tally, lines = Tally([JOB], clock=clock), Lines()
    training = TrainingProgress(5, 10, 0.5, 1.0, 30.0, (0.5, 0.25))
    for seconds, event in ((0, JobStarted()), (10, training), (20, NodeLost(1, "gone"))):
        clock.now = seconds
        job = tally.hear(JOB, event)
        lines.show(tally, job)
    assert (job.state, job.fraction, job.training) == ("running", None, None)
    for seconds, fraction in ((30, 0.1), (40, 0.2)):
        clock.now = seconds
        job = tally.hear(JOB, TrainingProgress(1, 10, fraction, 1.0, 30.0, (0.5, 0.25)))
    assert job.training == pytest.approx(100), "the speed of the second attempt alone"
