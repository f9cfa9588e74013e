"""`mobench list`: list all registered names."""

from __future__ import annotations

from typing import Annotated

import typer

from mobench.cli.console import warn_of_broken
from mobench.cli.output import events, say
from mobench.cli.result_lines import EntryLine
from mobench.errors import unknown_name
from mobench.hookspecs import Pair
from mobench.plugins import KINDS, Entry, registry


def list_(
    kind: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(KINDS)}.")] = None,
) -> None:
    """List datasets, models, generators, balancers, samplers, solvers, loggers and suites."""
    if kind is not None and kind.removesuffix("s") not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    entries = registry()
    warn_of_broken(entries)
    for kind_of_entry in KINDS:
        if kind is not None and kind_of_entry != kind.removesuffix("s"):
            continue
        if events() is None:
            print(f"{kind_of_entry}s")
        for name in entries.names(kind_of_entry):
            entry = entries.entries[kind_of_entry][name]
            say(f"  {name:<22} {_summary(entry)}".rstrip(), line_of(entry))


def line_of(entry: Entry, text: str = "") -> EntryLine:
    """Return the line of a registered name. text: the TOML of a suite or the docstring of a class."""
    spec = entry.spec
    return EntryLine(
        kind=entry.kind,
        name=entry.name,
        summary=spec.summary,
        source=getattr(spec, "source", ""),
        generator=spec.generator if isinstance(spec, Pair) else None,
        balancer=spec.balancer if isinstance(spec, Pair) else None,
        plugin=entry.plugin.name,
        distribution=entry.plugin.distribution,
        version=entry.version,
        text=text,
    )


def _summary(entry: Entry) -> str:
    spec = entry.spec
    parts = f"[{spec.generator}+{spec.balancer}] " if isinstance(spec, Pair) else ""
    origin = "" if entry.plugin.distribution == "mobench" else f" ({entry.plugin.origin})"
    return f"{parts}{spec.summary}{origin}"
