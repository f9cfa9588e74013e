"""`mobench list`: list all registered names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

import typer

from mobench.cli.completion import one_of
from mobench.cli.console import warn_of_broken
from mobench.errors import OptionError, unknown_name
from mobench.hookspecs import Pair
from mobench.output.printing import events, say
from mobench.output.result_lines import EntryLine
from mobench.plugins import KINDS, Entry, registry
from mobench.text import near_names


def list_(
    role: Annotated[
        str | None,
        typer.Argument(help=f"One of: {', '.join(KINDS)}.", metavar="[KIND]", autocompletion=one_of(lambda: KINDS)),
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="Comma-separated; a name has one of them. Solvers: per-preference, all-preferences, points. Datasets: "
            "classification, regression, tables, pictures, functions. Any: the name of its plugin, such as fairness."
        ),
    ] = "",
    objectives: Annotated[int | None, typer.Option(min=1, help="Datasets with so many objectives.")] = None,
) -> None:
    """List datasets, models, generators, balancers, samplers, solvers and suites."""
    if role is not None and role.removesuffix("s") not in KINDS:
        raise unknown_name("kind", role, KINDS)
    entries = registry()
    warn_of_broken(entries)
    listed = [
        entry
        for kind_of_entry in KINDS
        if role is None or kind_of_entry == role.removesuffix("s")
        for entry in map(entries.entries[kind_of_entry].__getitem__, entries.names(kind_of_entry))
    ]
    if kind or objectives is not None:
        listed = _filtered(listed, kind, objectives)
    elif events() is None and role is not None and not listed:
        print(f"{role.removesuffix('s')}s")
    heading = ""
    for entry in listed:
        if events() is None and entry.kind != heading:
            print(f"{entry.kind}s")
        heading = entry.kind
        say(f"  {entry.name:<22} {_summary(entry)}".rstrip(), line_of(entry))


def _filtered(entries: Sequence[Entry], kind: str, n_objectives: int | None) -> list[Entry]:
    """Return the entries of one of the comma-separated kinds, and with so many objectives. Raises: OptionError."""
    from mobench.cli.entry_kinds import kinds_of, n_objectives_of
    from mobench.jobs.arguments import parse_names

    names = parse_names(kind, "--kind")
    if names:
        kinds_by_entry = [(entry, kinds_of(entry)) for entry in entries]
        counts = Counter(name for _, kinds in kinds_by_entry for name in kinds)
        for name in names:
            if name not in counts:
                common = ", ".join(sorted(kind for kind, n in counts.items() if n > 1))
                near = near_names(name, counts).removesuffix("?")
                raise OptionError(f"--kind was given {name!r}{near}; accepted: {common}, and names of plugins")
        entries = [entry for entry, kinds in kinds_by_entry if not kinds.isdisjoint(names)]
    if n_objectives is not None:
        by_number = [(entry, n_objectives_of(entry)) for entry in entries]
        entries = [entry for entry, number in by_number if number == n_objectives]
        if not entries:
            numbers = ", ".join(map(str, sorted({number for _, number in by_number if number is not None})))
            accepted = numbers or "none, because only datasets have objectives"
            raise OptionError(f"--objectives was given {n_objectives}; accepted: {accepted}")
    return list(entries)


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
