"""The progress bar of `mobench.fit`, on terminals and in notebooks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from mobench.events import DataLoading, EvaluationProgress, JobEvent, StrategyMeasuring, TrainingProgress


@contextmanager
def progress_bar(is_shown: bool | None, title: str) -> Iterator[Callable[[JobEvent], None]]:
    """Yield a function that shows the events of one job as a bar on standard error.

    is_shown: None: if standard error is a terminal, and in a notebook.
    """
    console = Console(stderr=True)
    if is_shown is None:
        is_shown = console.is_terminal or console.is_jupyter
    if not is_shown:
        yield lambda event: None
        return
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(title, total=1.0)

        def show(event: JobEvent) -> None:
            match event:
                case DataLoading():
                    progress.update(task, description=f"{title}: data")
                case StrategyMeasuring():
                    progress.update(task, description=f"{title}: strategy")
                case TrainingProgress():
                    text = f"{title}: step {event.step}"
                    if event.hypervolume is not None:
                        text += f", hypervolume {event.hypervolume:.4g}"
                    progress.update(task, completed=event.fraction, description=text)
                case EvaluationProgress():
                    progress.update(task, description=f"{title}: evaluation on {event.split}")
                case _:
                    pass

        yield show
        progress.update(task, completed=1.0)
