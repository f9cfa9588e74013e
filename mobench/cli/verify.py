"""`mobench verify`: rerun the job of a record and compare the results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mobench.api import record_checks
from mobench.cli.exit_codes import ExitCode
from mobench.cli.python_options import Detail, option_name, options_of
from mobench.output.printing import say
from mobench.output.result_lines import ComparisonLine, VerdictLine

if TYPE_CHECKING:
    from mobench.runs.verification import Difference


@options_of(
    record_checks.verify,
    tolerance=Detail(more={"min": 0}),
    timeout=Detail(more={"min": 0}),
)
def verify(record: Path, tolerance: float, timeout: float | None, memory: int | None) -> None:
    """Train the job of a record again, from the record alone, and compare all numbers; exit with 1 if they disagree.

    Training runs in a process of its own. A record of unknown origin decides how long it trains and how much memory
    it takes: limit them by --timeout and --memory.
    """
    original, verdict = record_checks.verified(
        record,
        tolerance=tolerance,
        timeout=timeout,
        memory=memory,
        announce=lambda read: say(f"{read.id}: {read.job.title}"),
        label=option_name,
    )
    for comparison in verdict.comparisons:
        say(
            _line(comparison),
            ComparisonLine(
                comparison.name, comparison.recorded, comparison.again, comparison.difference, comparison.agrees
            ),
        )
    for cost in verdict.costs:
        say(f"not compared, {cost}")
    for caveat in verdict.caveats:
        say(f"note: {caveat}")
    differing = [c.name for c in verdict.comparisons if not c.agrees]
    if differing:
        text = "does not agree: " + ", ".join(differing)
    elif verdict.identical:
        text = "identical: every computed number agrees to the bit"
    else:
        text = "agrees: each kind of number within its tolerance"
    say(text, VerdictLine(original.id, verdict.identical, verdict.agrees, differing))
    if differing:
        raise typer.Exit(ExitCode.NO_RESULT)


def _line(comparison: Difference) -> str:
    sign = "agrees" if comparison.agrees else "DIFFERS"
    within = f"within {comparison.tolerance:g}" if comparison.tolerance else "exactly"
    if math.isfinite(comparison.difference):
        values = (
            "" if math.isnan(comparison.recorded) else f"{comparison.recorded:.6g} then, {comparison.again:.6g} now, "
        )
        return f"{comparison.name:34} {sign} {within}: {values}relative difference {comparison.difference:.2g}"
    return f"{comparison.name:34} {sign} {within}: {_shown(comparison.recorded)} then, {_shown(comparison.again)} now"


def _shown(value: float) -> str:
    return "other or missing" if math.isnan(value) else f"{value:.6g}"
