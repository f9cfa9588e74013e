"""Live view of a run on a terminal: finished jobs, running jobs, and the best results so far."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import assert_never

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mobench.events import (
    DataLoading,
    EvaluationProgress,
    JobEnded,
    JobPresent,
    JobStarted,
    JobWaiting,
    NodeLost,
    StrategyMeasuring,
    TrainingProgress,
)
from mobench.output.formats import clock, duration, numbers
from mobench.output.streams import raw
from mobench.output.tally import Show, Tally, Watched
from mobench.text import one_line

STYLES = {"completed": "green", "diverged": "yellow", "failed": "red", "pruned": "yellow", "declined": "yellow"}
NARROW = 80
OTHER_LINES = 6
MAX_BEST = 8


@contextmanager
def screen(tally: Tally, guard: threading.RLock, title: str, ends: bool = True) -> Iterator[Show]:
    """Draw the live view on standard error until the end of the block.

    After that only the lines of jobs that ended remain.
    """
    console = Console(file=raw(sys.stderr), highlight=False)

    def draw() -> RenderableType:
        with guard:
            return picture(tally, title, console.width, console.height)

    with Live(
        console=console,
        get_renderable=draw,
        refresh_per_second=4,
        transient=True,
        # if standard output is a file, results must not appear on the terminal
        redirect_stdout=sys.stdout.isatty(),
        vertical_overflow="crop",
    ):

        def show(tally: Tally, watched: Watched) -> None:
            if isinstance(watched.event, JobEnded) and ends:
                console.print(_ended(watched))

        yield show


def picture(tally: Tally, title: str, width: int, height: int) -> Group:
    """Return the current view, at most `width` wide and `height` high."""
    running, best = tally.of("running"), tally.best()
    room = max(1, height - OTHER_LINES - min(len(best), MAX_BEST))
    parts: list[RenderableType] = [_heading(tally, title), _bar(tally, width), _jobs(tally, running[:room], width)]
    if len(running) > room:
        parts.append(Text(f"  and {len(running) - room} more jobs", style="dim"))
    if best:
        parts.append(_best(list(best.values())[:MAX_BEST]))
    return Group(*parts)


def _heading(tally: Tally, title: str) -> Text:
    n_bad = len(tally.of("failed", "diverged"))
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(title, style="bold")
    line.append(f"  {tally.n_done} of {tally.n_jobs} jobs done, {len(tally.of('running'))} running")
    if n_bad:
        line.append(f", {n_bad} failed", style="red")
    return line


def _bar(tally: Tally, width: int) -> Table:
    grid = Table.grid(padding=(0, 2))
    done = tally.n_done + sum(watched.fraction or 0.0 for watched in tally.of("running"))
    n_jobs = tally.n_jobs
    text = f"{clock(tally.seconds)} gone, ETA {duration(tally.time_left())}"
    bar = ProgressBar(total=n_jobs or None, completed=done, width=max(10, min(40, width - len(text) - 2)))
    grid.add_row(bar, Text(text, no_wrap=True))
    return grid


def _jobs(tally: Tally, running: list[Watched], width: int) -> Table:
    """Return a table with one row per running job; on a narrow terminal without losses."""
    grid = Table.grid(padding=(0, 2))
    wide = width >= NARROW
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1 if not wide else None)
    for _ in range(4 if wide else 3):
        grid.add_column(no_wrap=True, overflow="ellipsis")
    for watched in running:
        volume = f"HV {watched.hypervolume:.4g}" if watched.hypervolume is not None else ""
        left = tally.time_left_of(watched)
        row = [f"  {watched.job.title}", _doing(watched), volume]
        if wide:
            row.append(f"losses {numbers(watched.losses)}" if watched.losses else "")
        row.append("" if left.seconds is None else f"ETA {duration(left)}")
        grid.add_row(*(Text(one_line(cell)) for cell in row))
    return grid


def _doing(watched: Watched) -> str:
    """Describe the last event of a running job in a word or two."""
    match watched.event:
        case TrainingProgress(fraction=fraction):
            return f"train {100 * fraction:3.0f} %"
        case EvaluationProgress(split=split):
            return f"evaluate {split}"
        case JobStarted():
            return "starting"
        case StrategyMeasuring():
            return "measuring"
        case NodeLost():
            return "node lost"
        case DataLoading() | JobWaiting() | JobPresent() | JobEnded():
            return watched.event.phase
        case None:
            return ""
        case _:
            assert_never(watched.event)


def _best(best: list[Watched]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for number, watched in enumerate(best):
        name = f"{watched.job.solver.name}, seed {watched.job.seeds.solver}"
        if watched.state == "running":
            name += ", in training"
        grid.add_row(
            Text("best HV" if number == 0 else "", style="dim"),
            Text(one_line(watched.job.dataset.name)),
            Text(f"{watched.hypervolume:.4g}", style="bold"),
            Text(one_line(name)),
        )
    for column in grid.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return grid


def _ended(watched: Watched) -> Text:
    line = Text()
    line.append(f"{watched.state:<9}", style=STYLES.get(watched.state, ""))
    line.append(f" {one_line(watched.job.title)}")
    if watched.ended is not None:
        line.append(f"  {clock(watched.ended - watched.began)}", style="dim")
    if watched.message:
        line.append(f"  {one_line(watched.message)}")
    elif watched.hypervolume is not None:
        line.append(f"  validation HV {watched.hypervolume:.4g}")
    return line
