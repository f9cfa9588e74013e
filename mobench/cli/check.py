"""`mobench check`: the conformance suite over plugins."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mobench.plugins import Entry

if TYPE_CHECKING:
    from mobench.testing import Result


def check(
    names: Annotated[
        list[str],
        typer.Argument(help="Registered names, of whatever kind, or plugins or distributions with all theirs."),
    ],
    kind: Annotated[str | None, typer.Option(help="Where a name is of several kinds.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Show tracebacks of failed checks.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="Print the results as JSON, and nothing else.")] = False,
) -> None:
    """Check that plugins do what the interfaces ask; exit with 1 if any does not."""
    from mobench.testing.conformance import entries

    counts: dict[str, int] = {"passed": 0, "failed": 0, "declined": 0}
    told: list[dict[str, Any]] = []
    for entry in entries(names, kind):
        results = _results(entry, None if json_ else _teller(details))
        for result in results:
            counts[result.state] += 1
        told.append(_as_json(entry, results))
    if json_:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print(", ".join(f"{n} {state}" for state, n in counts.items()))
    if counts["failed"]:
        print(f"{counts['failed']} checks failed", file=sys.stderr)
        raise typer.Exit(1)


def _results(entry: Entry, tell: Any) -> list[Result]:
    """The results of every check of an entry, each told as soon as it is there."""
    from mobench.testing.conformance import CHECKS, cases_of
    from mobench.testing.outcomes import unknown_declines

    if tell is not None:
        print(f"{entry.kind} {entry.name}, {entry.plugin.origin}", flush=True)
    results = []
    for case in cases_of(entry):
        results.append(case.run())
        if tell is not None:
            tell(results[-1])
    for result in unknown_declines(entry, CHECKS[entry.kind]):
        results.append(result)
        if tell is not None:
            tell(result)
    return results


def _teller(details: bool) -> Any:
    def tell(result: Result) -> None:
        message = " ".join(result.message.split())
        print(f"  {result.state:<9} {result.check}: {message or result.says}", flush=True)
        if details and result.details:
            print(result.details)

    return tell


def _as_json(entry: Entry, results: list[Result]) -> dict[str, Any]:
    return {
        "kind": entry.kind,
        "name": entry.name,
        "distribution": entry.plugin.distribution,
        "version": entry.plugin.version,
        "checks": [
            {"check": r.check, "says": r.says, "state": r.state, "message": r.message, "details": r.details}
            for r in results
        ],
    }
