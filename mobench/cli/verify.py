"""`mobench verify`: rerun the job of a record and compare the results."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.exit_codes import ExitCode
from mobench.cli.output import say
from mobench.cli.result_lines import ComparisonLine, VerdictLine
from mobench.events import JobEnded, JobStarted

if TYPE_CHECKING:
    from mobench.runs.verification import Difference


def verify(
    record: Annotated[Path, typer.Argument(help="A record: a JSON file in the folder records of a run.")],
    tolerance: Annotated[
        float,
        typer.Option(
            min=0,
            help="Largest relative difference that counts as agreement; 20 times as much for stepwise values, and 10 "
            "times as much for jobs in bfloat16.",
        ),
    ] = 1e-3,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds after which training is stopped; default: no limit.")
    ] = None,
    memory: Annotated[
        str, typer.Option(help="Memory at which training is stopped: 500MB, 2GiB; default: no limit.")
    ] = "",
) -> None:
    """Train the job of a record again, from the record alone, and compare all numbers; exit with 1 if they disagree.

    Training runs in a process of its own. A record of unknown origin decides how long it trains and how much memory
    it takes: limit them by --timeout and --memory.
    """
    from mobench.cli.live import watch
    from mobench.cli.tally import Tally
    from mobench.jobs import arguments
    from mobench.records.store import read_record
    from mobench.runs.executors import Limits
    from mobench.runs.repetition import check_repeatable
    from mobench.runs.verification import verify as again

    arguments.quantity(tolerance, "--tolerance")
    limits = Limits(timeout=timeout, memory=arguments.parse_bytes(memory))
    original = read_record(record)
    check_repeatable(original)
    say(f"{original.id}: {original.job.title}")
    with watch(Tally([original.job]), "verify") as listen:
        listen(original.job, JobStarted())
        verdict = again(original, tolerance, lambda event: listen(original.job, event), limits)
        listen(original.job, JobEnded("completed"))
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
