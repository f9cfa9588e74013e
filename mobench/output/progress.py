"""Progress of a command: a bar on a terminal, plain lines elsewhere, nothing with `--quiet`, events with `--json`."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mobench.output.output_lines import ProgressLine
from mobench.output.printing import events, is_quiet
from mobench.output.streams import raw

TellProgress = Callable[[str, float, float | None], None]
WITHIN = 0.02
"""Smallest share of a step that is reported."""


class StepCounter:
    """Counts steps and reports them when they start."""

    def __init__(self, total: int | None, tell: TellProgress, tell_within: TellProgress) -> None:
        self._total, self._tell, self._tell_within = total, tell, tell_within
        self._begun, self._label, self._share = 0, "", 0.0

    def __call__(self, label: str = "") -> None:
        """Report that step `label` starts and that the previous step is done."""
        self._tell(label, self._begun, self._total)
        self._begun, self._label, self._share = self._begun + 1, label, 0.0

    def within(self, share: float) -> None:
        """Report the share of the current step that is done, from 0 to 1."""
        if share - self._share >= WITHIN:
            self._share = share
            self._tell_within(self._label, self._begun - 1 + min(1.0, share), self._total)

    def end(self) -> None:
        """Report that the last step is done."""
        self._tell_within("", self._begun, self._total)


@contextmanager
def steps(title: str, total: int | None = None, lines: bool = True) -> Iterator[StepCounter]:
    """Show the progress of a command in its output mode.

    title:  name of the whole work in one or two words: "fetch", "draw plots".
    total: number of steps. None if unknown.
    lines: whether to print plain lines for steps. False if the work prints its own lines.

    Call the returned object once for each step, when the step starts:

        with steps("export", total=len(formats)) as step:
            for format in formats:
                step(format)
                ...

    On a terminal this shows a bar on standard error, which is removed at the end. Elsewhere it prints one line for
    each step, `[1/3] export: md`. With `--quiet` it prints nothing. With `--json` it emits a `progress` event on
    standard output for each step and one at the end. The mode is taken from the options of the command. Text that is
    printed inside the block appears above the bar.
    """
    if (stream := events()) is not None:

        def tell(label: str, done: float, of: float | None) -> None:
            stream.emit(ProgressLine(title, label, done, of))

        yield from _counted(total, tell, tell)
    elif is_quiet() or not (lines or on_terminal()):
        yield from _counted(total, _nothing, _nothing)
    elif on_terminal():
        with _bar(title, total) as draw:
            yield from _counted(total, draw, draw)
    else:
        yield from _counted(total, lambda label, done, of: _line(title, label, done, of), _nothing)


def on_terminal() -> bool:
    """Return whether standard error is a terminal that can show a bar."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _counted(total: int | None, tell: TellProgress, tell_within: TellProgress) -> Iterator[StepCounter]:
    counter = StepCounter(total, tell, tell_within)
    yield counter
    counter.end()


def _nothing(label: str, done: float, total: float | None) -> None:
    """Do nothing: progress is switched off."""


def _line(title: str, label: str, done: float, total: float | None) -> None:
    count = f"[{done + 1:.0f}/{total:.0f}] " if total is not None else ""
    print(f"{count}{title}: {label}" if label else f"{count}{title}", file=sys.stderr, flush=True)


@contextmanager
def _bar(title: str, total: float | None) -> Iterator[TellProgress]:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(20), TextColumn("{task.fields[count]}"), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(
        *columns,
        console=Console(file=raw(sys.stderr)),
        transient=True,
        # if standard output is a file, results must not appear on the terminal
        redirect_stdout=sys.stdout.isatty(),
    ) as bars:
        task = bars.add_task(escape(title), total=total, count="")

        def tell(label: str, done: float, of: float | None) -> None:
            count = "" if of is None else f"{done:.0f}/{of:.0f}"
            description = f"{title}: {label}" if label else title
            bars.update(task, completed=done, total=of, count=count, description=escape(description), refresh=True)

        yield tell
