"""Standard output and error: they pass on only what is fit for a terminal, and no error of theirs ends a command."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import Any, TextIO

from mobench.text import printable

READER_GONE = (errno.EPIPE, errno.ECONNRESET)


class Lasting:
    """A stream whose writes never raise: after the first that fails, what follows is dropped.

    lost: why the first write failed; None while all is well, and where the reader has ended, who wants no more.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_open = True
        self.lost: OSError | None = None

    def guards(self, stream: TextIO) -> bool:
        """Whether this is the stream below."""
        return self._stream is stream

    def write(self, text: str) -> int:
        if self._is_open:
            try:
                self._stream.write(text)
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if self._is_open:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _give_up(self, error: OSError | ValueError) -> None:
        """Let what is still buffered go where it cannot fail, now and at the end of the process."""
        self._is_open = False
        if isinstance(error, OSError) and error.errno not in READER_GONE:
            self.lost = error
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Printable:
    """A stream that passes on only what is fit for a terminal: names and messages are of many makers.

    raw: the stream itself, for what draws tables and bars from text that is already fit.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        self.raw.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def guard_streams() -> None:
    """From now on everything printed is fit for a terminal, what the terminal cannot show is escaped, and a stream
    that is closed, full, or has lost its reader ends nothing."""
    _open_standard_descriptors()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started this process
            stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
            setattr(sys, f"__{name}__", stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        lasting: Any = Lasting(stream)
        setattr(sys, name, Printable(lasting))


def _open_standard_descriptors() -> None:
    """Point closed ones of the descriptors 0, 1 and 2 at nothing, or the next file that is opened would take their
    place and receive what is printed."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)


def raw(stream: TextIO) -> TextIO:
    """The stream below the guard."""
    return stream.raw if isinstance(stream, Printable) else stream


def lost_output() -> OSError | None:
    """Why standard output could not be written to its end; None where it could, or nobody wanted it."""
    stream: Any = raw(sys.stdout)
    if isinstance(stream, Lasting):
        stream.flush()
        return stream.lost
    return None
