"""How far a run is: bars on a terminal, a plain line per job elsewhere, nothing when quiet."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from mobench.cli.console import raw
from mobench.text import one_line

if TYPE_CHECKING:
    from rich.progress import TaskID

    from mobench.runs.job import Job
    from mobench.runs.runner import Listen


@contextmanager
def progress(jobs: Sequence[Job], quiet: bool) -> Iterator[Listen]:
    """A listener for the runner."""
    if quiet:
        yield lambda job, event: None
    elif sys.stderr.isatty():
        with _bars(jobs) as listen:
            yield listen
    else:
        yield _lines(len(jobs))


def _lines(n_jobs: int) -> Listen:
    ended = 0

    def listen(job: Job, event: dict[str, Any]) -> None:
        nonlocal ended
        if event["phase"] in ("present", "end"):
            ended += 1
        if event["phase"] == "start":
            print(f"start   {job.title}", file=sys.stderr, flush=True)
        if event["phase"] == "end":
            said = f": {one_line(event['message'])}" if event["message"] else ""
            print(f"[{ended}/{n_jobs}] {event['status']} {job.title}{said}", file=sys.stderr, flush=True)

    return listen


@contextmanager
def _bars(jobs: Sequence[Job]) -> Iterator[Listen]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(), TextColumn("{task.fields[said]}", markup=False),
    )  # fmt: skip
    with Progress(*columns, console=Console(file=raw(sys.stderr))) as bars:
        whole = bars.add_task("all jobs", total=len(jobs), said="")
        tasks: dict[str, TaskID] = {}

        def listen(job: Job, event: dict[str, Any]) -> None:
            phase = event["phase"]
            if phase == "start":
                tasks[job.id] = bars.add_task(job.title, total=1.0, said="")
            elif phase in ("train", "evaluate", "data") and job.id in tasks:
                done = event.get("fraction") if phase == "train" else None
                bars.update(tasks[job.id], completed=done, said=_said(event))
            elif phase == "end":
                bars.remove_task(tasks.pop(job.id))
                said = one_line(f"{event['status']} {job.title} {event['message']}")
                bars.console.print(said, markup=False, highlight=False)
            if phase in ("present", "end"):
                bars.advance(whole)

        yield listen


def _said(event: dict[str, Any]) -> str:
    if event["phase"] != "train":
        return f"{event['phase']} {event.get('split', '')}".strip()
    losses = " ".join(f"{loss:.3f}" for loss in event["losses"])
    volume = event.get("hypervolume")
    return f"losses {losses}" + (f" · validation HV {volume:.3f}" if volume is not None else "")
