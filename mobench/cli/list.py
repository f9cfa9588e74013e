"""`mobench list`: every registered name."""

from __future__ import annotations

from typing import Annotated

import typer

from mobench.cli.console import warn_of_broken
from mobench.errors import unknown_name
from mobench.hookspecs import Pair
from mobench.plugins import KINDS, Entry, registry


def list_(
    kind: Annotated[str | None, typer.Argument(help=f"One of: {', '.join(KINDS)}.")] = None,
) -> None:
    """List datasets, models, generators, balancers, solvers and suites."""
    if kind is not None and kind.removesuffix("s") not in KINDS:
        raise unknown_name("kind", kind, KINDS)
    known = registry()
    warn_of_broken(known)
    for each in KINDS:
        if kind is not None and each != kind.removesuffix("s"):
            continue
        print(f"{each}s")
        for name in known.names(each):
            print(f"  {name:<22} {_summary(known.entries[each][name])}".rstrip())


def _summary(entry: Entry) -> str:
    spec = entry.spec
    parts = f"[{spec.generator}+{spec.balancer}] " if isinstance(spec, Pair) else ""
    origin = "" if entry.plugin.distribution == "mobench" else f" ({entry.plugin.origin})"
    return f"{parts}{spec.summary}{origin}"
