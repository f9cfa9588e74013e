"""`mobench check`: the conformance suite over one plugin."""

from __future__ import annotations

import traceback
from typing import Annotated

import typer

from mobench.cli.output import complain, say
from mobench.cli.progress import Steps, steps
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
    from mobench.testing.conformance import CHECKS

    with steps("check", sum(len(CHECKS[entry.kind]) for entry in entries), lines=False) as step:
        failed = sum(_check(entry, details, step) for entry in entries)
    if failed:
        complain(f"{failed} checks failed")
        raise typer.Exit(1)


def _check(entry: Entry, details: bool, step: Steps) -> int:
    """Print a line per check; the number that failed."""
    from mobench.testing.conformance import CHECKS
    from mobench.testing.small import Declined

    def told(outcome: str, text: str, reason: str = "") -> None:
        say(text, "check", kind=entry.kind, name=entry.name, check=one.__name__, outcome=outcome, reason=reason)

    failed = 0
    say(f"{entry.kind} {entry.name}, {entry.plugin.origin}")
    for one in CHECKS[entry.kind]:
        what = (one.__doc__ or one.__name__).splitlines()[0]
        step(f"{entry.name}, {one.__name__}")
        try:
            one(entry)
        except Declined as reason:
            told("declined", f"  declined  {what} ({reason})", str(reason))
        except Exception as error:
            failed += 1
            why = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            told("failed", f"  FAILED    {what} {why}", why)
            if details:
                say(traceback.format_exc())
        else:
            told("ok", f"  ok        {what}")
    return failed
