"""Printing of tables, and of warnings about plugins."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mobench.output.output_lines import TableLine
from mobench.output.printing import events, warn
from mobench.output.streams import raw
from mobench.plugins import Registry
from mobench.text import printable


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str = "") -> None:
    """Print a table. It wraps on a terminal and keeps all columns elsewhere. With `--json`, it is one event."""
    if (stream := events()) is not None:
        stream.emit(TableLine(title, columns, rows))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    heading = Text(printable(title)) if title else None
    table = Table(title=heading, box=SIMPLE_HEAD, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(Text(printable(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))  # Text, because a name in brackets is not markup
    on_terminal = sys.stdout.isatty()
    Console(file=raw(sys.stdout), width=None if on_terminal else 240, highlight=False).print(table)


def warn_of_broken(registry: Registry) -> None:
    """Warn about each broken plugin, each side effect of an import, and each name that several plugins register."""
    for plugin in registry.broken():
        warn(f"plugin {plugin.origin} is broken: {plugin.error}")
    for plugin in registry.plugins:
        for change in plugin.side_effects:
            warn(f"plugin {plugin.origin}, during its import: {change} (it was restored)")
    for kind, names in registry.conflicts.items():
        for name, origins in names.items():
            offering = " and ".join(origin.origin for origin in origins)
            warn(f"{kind} {name!r} is offered by {offering}; neither is used")
