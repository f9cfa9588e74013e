"""`mobench verify`: a record's job once more, and what agrees."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mobench.runs.verification import Comparison


def verify(
    record: Annotated[Path, typer.Argument(help="A record: a JSON file in the folder records of a run.")],
    tolerance: Annotated[
        float,
        typer.Option(
            min=0, help="Largest relative difference that counts as agreement; of what moves in steps, 20 times it."
        ),
    ] = 1e-3,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train the job of a record again, from the record alone, and compare every number. Exit code 1: they disagree."""
    from mobench.cli.progress import progress
    from mobench.errors import RecordError
    from mobench.runs.record import parse
    from mobench.runs.verification import check_verifiable
    from mobench.runs.verification import verify as again

    try:
        content = record.read_bytes()
    except OSError as error:
        raise RecordError(f"{record} cannot be read: {error.strerror or error}") from error
    kept = parse(content, str(record))
    check_verifiable(kept)
    print(f"{kept.id}: {kept.job.title}")
    with progress([kept.job], quiet) as listen:
        listen(kept.job, {"phase": "start"})
        verdict = again(kept, tolerance, lambda event: listen(kept.job, event))
    for comparison in verdict.comparisons:
        print(_line(comparison))
    for cost in verdict.costs:
        print(f"not compared, {cost}")
    for caveat in verdict.caveats:
        print(f"note: {caveat}")
    if verdict.identical and verdict.agrees:
        print("identical: every computed number agrees to the bit")
        return
    if verdict.agrees:
        print("agrees: each kind of number within its tolerance")
        return
    print("does not agree: " + ", ".join(c.name for c in verdict.comparisons if not c.agrees))
    raise typer.Exit(1)


def _line(one: Comparison) -> str:
    sign = "agrees" if one.agrees else "DIFFERS"
    within = f"within {one.tolerance:g}" if one.tolerance else "exactly"
    if math.isfinite(one.difference):
        values = "" if math.isnan(one.recorded) else f"{one.recorded:.6g} then, {one.again:.6g} now, "
        return f"{one.name:34} {sign} {within}: {values}relative difference {one.difference:.2g}"
    return f"{one.name:34} {sign} {within}: {_shown(one.recorded)} then, {_shown(one.again)} now"


def _shown(value: float) -> str:
    return "other or missing" if math.isnan(value) else f"{value:.6g}"
