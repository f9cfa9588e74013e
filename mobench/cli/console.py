"""Tables and warnings on a terminal, plain lines elsewhere."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Any, TextIO

from mobench.plugins import Registry
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


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """A table that wraps on a terminal and never loses a column elsewhere."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    said = Text(printable(title)) if title else None
    table = Table(title=said, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # Text: a name in brackets is no markup
    on_terminal = sys.stdout.isatty()
    Console(file=raw(sys.stdout), width=None if on_terminal else 240, highlight=False).print(table)


def warn_of_broken(registry: Registry) -> None:
    """One line on standard error for each plugin that could not be used, and each disputed name."""
    for plugin in registry.broken():
        print(f"warning: plugin {plugin.origin} is broken: {plugin.error}", file=sys.stderr)
    for kind, names in registry.conflicts.items():
        for name, origins in names.items():
            said = " and ".join(origin.origin for origin in origins)
            print(f"warning: {kind} {name!r} is offered by {said}; neither is used", file=sys.stderr)
