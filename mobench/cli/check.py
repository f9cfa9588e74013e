"""`mobench check`: the conformance suite over one plugin."""

from __future__ import annotations

import sys
import traceback
from typing import Annotated

import typer

from mobench.errors import unknown_name
from mobench.plugins import KINDS, Entry, registry


def check(
    names: Annotated[list[str], typer.Argument(help="Registered names; of several kinds, all are checked.")],
    kind: Annotated[str | None, typer.Option(help="Where a name is of several kinds.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Show tracebacks of failed checks.")] = False,
) -> None:
    """Check that plugins do what the interfaces ask; exit with 1 if any does not."""
    known = registry()
    entries = [
        known.entries[each][name]
        for name in names
        for each in KINDS
        if name in known.entries[each] and kind in (None, each)
    ]
    found = {entry.name for entry in entries}
    for name in names:
        if name not in found:
            raise unknown_name(kind or "plugin", name, [n for each in KINDS for n in known.entries[each]])
    failed = sum(_check(entry, details) for entry in entries)
    if failed:
        print(f"{failed} checks failed", file=sys.stderr)
        raise typer.Exit(1)


def _check(entry: Entry, details: bool) -> int:
    """Print a line per check; the number that failed."""
    from mobench.testing.conformance import CHECKS
    from mobench.testing.small import Declined

    failed = 0
    print(f"{entry.kind} {entry.name}, {entry.plugin.origin}")
    for one in CHECKS[entry.kind]:
        what = (one.__doc__ or one.__name__).splitlines()[0]
        try:
            one(entry)
        except Declined as reason:
            print(f"  declined  {what} ({reason})")
        except Exception as error:
            failed += 1
            print(f"  FAILED    {what} {type(error).__name__}: {' '.join(str(error).split())[:300]}")
            if details:
                print(traceback.format_exc())
        else:
            print(f"  ok        {what}")
    return failed
