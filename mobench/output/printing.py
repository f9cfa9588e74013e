"""Output of commands: text, or one JSON object per line with `--json`; no progress with `--quiet`.

Commands print with `say`, `wrote`, `warn` and `complain`, and show progress with `steps` from
`mobench.output.progress`. These functions follow the output mode. A plain `print` is safe too: with `--json` its
lines become `{"event": "line", "text": …}`.
"""

from __future__ import annotations

import io
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from mobench.output.output_lines import ErrorLine, OutputLine, TextLine, WarningLine, WroteLine
from mobench.output.streams import Lasting, raw
from mobench.text import one_line

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
    """Return whether `--quiet` was given, or the Python call shows no progress."""
    return _QUIET.get()


@contextmanager
def quiet(is_wanted: bool) -> Iterator[None]:
    """Set whether progress is hidden until the end of the block."""
    token = _QUIET.set(is_wanted)
    try:
        yield
    finally:
        _QUIET.reset(token)


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
