"""`mobench check`: run the conformance checks on registered plugins."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.completion import all_registered, one_of
from mobench.cli.exit_codes import ExitCode
from mobench.output.printing import complain, say
from mobench.output.progress import StepCounter, steps
from mobench.output.result_lines import CheckLine, ChecksLine
from mobench.plugins import Entry

if TYPE_CHECKING:
    from mobench.testing import Result


def check(
    names: Annotated[
        list[str],
        typer.Argument(
            help="Registered names of any kind; a plugin or distribution stands for all its entries.",
            autocompletion=one_of(all_registered),
        ),
    ],
    kind: Annotated[str | None, typer.Option(help="Kind of the entry, if several kinds have the name.")] = None,
    details: Annotated[bool, typer.Option("--details", help="Show tracebacks of failed checks.")] = False,
) -> None:
    """Check that plugins conform to the interfaces; exit with 1 if any does not."""
    from mobench.testing.conformance import cases_of, entries

    chosen = entries(names, kind)
    counts: Counter[str] = Counter({"passed": 0, "failed": 0, "declined": 0})
    with steps("check", sum(len(cases_of(entry)) for entry in chosen), lines=False) as step:
        for entry in chosen:
            counts.update(result.state for result in _results(entry, details, step))
    say(", ".join(f"{n} {state}" for state, n in counts.items()), ChecksLine(**counts))
    if counts["failed"]:
        complain(f"{counts['failed']} checks failed")
        raise typer.Exit(ExitCode.NO_RESULT)


def _results(entry: Entry, details: bool, step: StepCounter) -> list[Result]:
    """Run every check of an entry, print each result at once, and return the results."""
    from mobench.testing.conformance import CHECKS, cases_of
    from mobench.testing.outcomes import unknown_declines

    say(f"{entry.kind} {entry.name}, {entry.plugin.origin}")
    results = []
    for case in cases_of(entry):
        step(f"{entry.name}, {case.check.__name__}")
        results.append(case.run())
        _tell(entry, results[-1], details)
    for result in unknown_declines(entry, CHECKS[entry.kind]):
        results.append(result)
        _tell(entry, result, details)
    return results


def _tell(entry: Entry, result: Result, details: bool) -> None:
    message = " ".join(result.message.split())
    say(
        f"  {result.state:<9} {result.check}: {message or result.says}",
        CheckLine(
            kind=entry.kind, name=entry.name, distribution=entry.plugin.distribution, version=entry.plugin.version,
            check=result.check, says=result.says, state=result.state, message=message, details=result.details,
        ),
    )  # fmt: skip
    if details and result.details:
        say(result.details)
