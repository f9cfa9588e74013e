"""`mobench plugins`: list installed plugins, with the errors of broken ones."""

from __future__ import annotations

from typing import Annotated

import typer

from mobench.cli.exit_codes import ExitCode
from mobench.output.printing import events, say
from mobench.output.result_lines import PluginLine
from mobench.plugins import registry


def plugins(
    details: Annotated[bool, typer.Option("--details", help="Show tracebacks of broken plugins.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 if any plugin is broken.")] = False,
) -> None:
    """List installed plugins with their state."""
    entries = registry()
    for plugin in entries.plugins:
        line = f"{plugin.state:<8} {plugin.name:<16} {plugin.distribution} {plugin.version}"
        say(
            f"{line}  {plugin.error}".rstrip(),
            PluginLine(
                name=plugin.name, distribution=plugin.distribution, version=plugin.version, state=plugin.state,
                error=plugin.error, details=plugin.details if details else "",
            ),
        )  # fmt: skip
        if details and plugin.details and events() is None:
            print(plugin.details)
    if strict and (any(entries.broken()) or any(entries.conflicts.values())):
        raise typer.Exit(ExitCode.NO_RESULT)
