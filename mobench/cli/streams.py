"""Standard output and error, passing on only what is fit for a terminal."""

from __future__ import annotations

import io
import sys
from typing import Any, TextIO

from mobench.text import printable


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
    """From now on everything printed is fit for a terminal, and what the terminal cannot show is escaped."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        setattr(sys, name, Printable(stream))


def raw(stream: TextIO) -> TextIO:
    """The stream below the guard."""
    return stream.raw if isinstance(stream, Printable) else stream
