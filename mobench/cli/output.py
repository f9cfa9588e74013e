"""Where a command's words go: text for people, or with `--json` one object per line; less with `--quiet`.

Commands print with `say`, `wrote`, `warn` and `complain`, and show how far they are with `steps` from
`mobench.cli.progress`; each of them does what the mode asks. A plain `print` is safe too: with `--json` its
lines become `{"event": "line", "text": …}`. `App` gives every command `--quiet` and `--json`.
"""

from __future__ import annotations

import inspect
import io
import json
import math
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, TextIO, TypeVar

import typer

from mobench.cli.plain import PlainCommand, PlainGroup
from mobench.cli.streams import Lasting, raw
from mobench.text import one_line

Command = TypeVar("Command", bound=Callable[..., Any])

_QUIET: ContextVar[bool] = ContextVar("quiet", default=False)
_EVENTS: ContextVar[JsonLines | None] = ContextVar("events", default=None)


class JsonLines(io.TextIOBase):
    """A stream of JSON objects, one per line; text that is written to it becomes objects as well."""

    def __init__(self, stream: TextIO) -> None:
        # where nobody reads the lines the work goes on: its records are what counts
        self._stream = Lasting(stream)
        self._unfinished = ""
        self._guard = threading.Lock()

    def emit(self, event: str, fields: Mapping[str, Any]) -> None:
        """Write one object at once. Numbers that JSON cannot hold become null."""
        line = json.dumps({"event": event, **_finite(fields)}, allow_nan=False)
        with self._guard:
            self._stream.write(line + "\n")
            self._stream.flush()

    @property
    def lost(self) -> OSError | None:
        """Why lines could not be written; None where they could, or nobody reads them any more."""
        return self._stream.lost

    def write(self, text: str) -> int:
        *lines, self._unfinished = (self._unfinished + text).split("\n")
        for line in lines:
            if line.strip():
                self.emit("line", {"text": line.rstrip()})
        return len(text)

    def writable(self) -> bool:
        return True

    def finish(self) -> None:
        """Write what has no line end yet."""
        if self._unfinished:
            self.write("\n")


@contextmanager
def json_lines() -> Iterator[JsonLines]:
    """Until the end of the block, standard output holds JSON objects and nothing else.

    What other code writes to the file descriptor itself goes to standard error.
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
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(os.dup(kept), "w", encoding="utf-8") as stream:
            yield stream
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _is(stream: TextIO, original: TextIO) -> bool:
    """Whether a stream, guarded or not, is the one that the process was started with."""
    guarded: Any = stream
    return stream is original or (isinstance(guarded, Lasting) and guarded.guards(original))


def events() -> JsonLines | None:
    """The stream of events with `--json`, else None."""
    return _EVENTS.get()


def is_quiet() -> bool:
    """Whether progress is not wanted."""
    return _QUIET.get()


def say(text: str, event: str = "line", /, **fields: Any) -> None:
    """A result: `text` on standard output, or with `--json` the event with its fields, as in `mobench.cli.events`."""
    stream = events()
    if stream is None:
        print(text)
    else:
        stream.emit(event, fields or {"text": text})


def wrote(path: Path) -> None:
    """Say that a file was written."""
    say(f"wrote {path}", "wrote", path=str(path))


def warn(message: str, sign: str = "warning") -> None:
    """A warning on standard error, also when quiet, and with `--json` an event as well."""
    print(f"{sign}: {message}", file=sys.stderr)
    if (stream := events()) is not None:
        stream.emit("warning", {"message": message})


def complain(message: str) -> None:
    """An error in one line on standard error, and with `--json` an event as well."""
    message = one_line(message, 4000)
    print(f"error: {message}", file=sys.stderr)
    if (stream := events()) is not None:
        stream.emit("error", {"message": message})


class App(typer.Typer):
    """A group of commands that all take `--quiet` and `--json`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": PlainGroup, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        register = super().command(name, **{"cls": PlainCommand, **settings})

        def add(function: Command) -> Command:
            register(_with_output(function))
            return function

        return add


def _with_output(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command with two more options, of which the function itself knows nothing."""
    own = inspect.signature(function, eval_str=True)
    asked: dict[str, Any] = {
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
        for name, hint in asked.items()
    ]
    told = own.replace(parameters=[*own.parameters.values(), *more])
    command.__signature__ = told  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in told.parameters.values()}
    return command


def _finite(value: Any) -> Any:
    """The value as JSON can hold it."""
    if isinstance(value, Mapping):
        return {str(key): _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
