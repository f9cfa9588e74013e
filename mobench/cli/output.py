"""Output of commands: text, or one JSON object per line with `--json`; no progress with `--quiet`.

Commands print with `say`, `wrote`, `warn` and `complain`, and show progress with `steps` from
`mobench.cli.progress`. These functions follow the output mode. A plain `print` is safe too: with `--json` its
lines become `{"event": "line", "text": …}`. `App` adds `--quiet` and `--json` to every command.
"""

from __future__ import annotations

import inspect
import io
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeVar

import typer

from mobench.cli.output_lines import ErrorLine, OutputLine, TextLine, WarningLine, WroteLine
from mobench.cli.plain import PlainCommand, PlainGroup
from mobench.cli.streams import Lasting, raw
from mobench.text import one_line

Command = TypeVar("Command", bound=Callable[..., Any])

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
_EVENTS: ContextVar[JsonLines | None] = ContextVar("events", default=None)


class JsonLines(io.TextIOBase):
    """A stream of JSON objects, one per line. Text that is written to it becomes "line" objects."""

    def __init__(self, stream: TextIO) -> None:
        # if the reader has ended the command continues, because its main result is its records
        self._stream = Lasting(stream)
        self._unfinished = ""
        self._guard = threading.Lock()

    def emit(self, line: OutputLine) -> None:
        """Write one line immediately."""
        text = line.to_json()
        with self._guard:
            self._stream.write(text + "\n")
            self._stream.flush()

    @property
    def lost(self) -> OSError | None:
        """The error of the first line that could not be written; None if there is none or the reader has ended."""
        return self._stream.lost

    def write(self, text: str) -> int:
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            if line.strip():
                self.emit(TextLine(line.rstrip()))
        return len(text)

    def writable(self) -> bool:
        return True

    def finish(self) -> None:
        """Write the last line if it has no line end yet."""
        if self._unfinished:
            self.write("\n")


@contextmanager
def json_lines() -> Iterator[JsonLines]:
    """Write only JSON objects to standard output until the end of the block.

    Output of other code to file descriptor 1 goes to standard error.
    """
    with _own_stdout() as stream:
        events = JsonLines(stream)
        token = _EVENTS.set(events)
        try:
            with redirect_stdout(events):
                yield events
            events.finish()
        finally:
            _EVENTS.reset(token)


@contextmanager
def _own_stdout() -> Iterator[TextIO]:
    if sys.__stdout__ is None or not _is(raw(sys.stdout), sys.__stdout__):
        yield sys.stdout
        return
    sys.stdout.flush()
    descriptor = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(descriptor), "w", encoding="utf-8") as stream:
            yield stream
    finally:
        os.dup2(descriptor, 1)
        os.close(descriptor)


def _is(stream: TextIO, original: TextIO) -> bool:
    """Return whether a stream, guarded or not, is the one that the process was started with."""
    guarded: Any = stream
    return stream is original or (isinstance(guarded, Lasting) and guarded.guards(original))


def events() -> JsonLines | None:
    """Return the stream of events with `--json`, else None."""
    return _EVENTS.get()


def is_quiet() -> bool:
    """Return whether `--quiet` was given."""
    return _QUIET.get()


def say(text: str, line: OutputLine | None = None) -> None:
    """Print a result: `text`, or with `--json` the line (None: a line with the text)."""
    stream = events()
    if stream is None:
        print(text)
    else:
        stream.emit(line if line is not None else TextLine(text))


def wrote(path: Path) -> None:
    """Report that a file was written."""
    say(f"wrote {path}", WroteLine(str(path)))


def warn(message: str, sign: str = "warning") -> None:
    """Print a warning to standard error, also with `--quiet`. With `--json`, emit an event as well."""
    print(f"{sign}: {message}", file=sys.stderr)
    if (stream := events()) is not None:
        stream.emit(WarningLine(message))


def complain(message: str) -> None:
    """Print an error in one line to standard error. With `--json`, emit an event as well."""
    message = one_line(message, 4000)
    print(f"error: {message}", file=sys.stderr)
    if (stream := events()) is not None:
        stream.emit(ErrorLine(message))


class App(typer.Typer):
    """A group of commands that all accept `--quiet` and `--json`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": PlainGroup, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        register = super().command(name, **{"cls": PlainCommand, **settings})

        def add(function: Command) -> Command:
            register(_with_output(function))
            return function

        return add


def _with_output(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--quiet` and `--json` to a command, and handle them outside its function."""
    signature = inspect.signature(function, eval_str=True)
    hints: dict[str, Any] = {
        "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")],
        "as_json": Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")],
    }

    @wraps(function)
    def command(**options: Any) -> Any:
        quiet, as_json = options.pop("quiet"), options.pop("as_json")
        token = _QUIET.set(quiet)
        try:
            if not as_json or events() is not None:
                return function(**options)
            with json_lines():
                return function(**options)
        finally:
            _QUIET.reset(token)

    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hint)
        for name, hint in hints.items()
    ]
    extended = signature.replace(parameters=[*signature.parameters.values(), *more])
    command.__signature__ = extended  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in extended.parameters.values()}
    return command
