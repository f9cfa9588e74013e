"""Guards of standard output and error: they escape unprintable text, and failed writes do not end a command."""

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
    """A stream whose writes never raise. After the first failed write, all further text is dropped.

    lost: the error of the first failed write. None if no write failed, or if the reader has ended.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_open = True
        self.lost: OSError | None = None

    def guards(self, stream: TextIO) -> bool:
        """Return whether `stream` is the underlying stream."""
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
        """Redirect the stream to the null device, so that buffered text cannot fail, also not at exit."""
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
    """A stream that escapes text that is not printable, because names and messages may come from plugins.

    raw: the underlying stream, for tables and bars whose text is already printable.
    """

    def __init__(self, raw: TextIO) -> None:
        self.raw = raw

    def write(self, text: str) -> int:
        self.raw.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.raw, name)


def guard_streams() -> None:
    """Guard standard output and standard error for the rest of the process.

    Text is made printable, characters that the encoding of the stream does not have are escaped, and writes to a
    stream that is closed, full or without a reader do not raise.
    """
    _open_standard_descriptors()
    for descriptor, name in ((1, "stdout"), (2, "stderr")):
        stream = getattr(sys, name)
        if stream is None:  # the parent process closed it
            stream = open(descriptor, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - for the process's life
            setattr(sys, f"__{name}__", stream)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        lasting: Any = Lasting(stream)
        setattr(sys, name, Printable(lasting))


def _open_standard_descriptors() -> None:
    """Open the null device on each of the descriptors 0, 1 and 2 that is closed.

    Otherwise the next file that is opened would get the descriptor and receive printed text.
    """
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
    """Return the stream below the guard."""
    return stream.raw if isinstance(stream, Printable) else stream


def lost_output() -> OSError | None:
    """Return the error that left standard output incomplete; None if there is none or the reader has ended."""
    stream: Any = raw(sys.stdout)
    if isinstance(stream, Lasting):
        stream.flush()
        return stream.lost
    return None
