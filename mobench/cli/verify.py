"""`mobench verify`: a record's job once more, and what agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    record: Annotated[Path, typer.Argument(help="A record: a JSON file in the folder records of a run.")],
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest relative difference that counts as agreement.")
    ] = 1e-3,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
) -> None:
    """Train the job of a record again, from the record alone, and compare every number. Exit code 1: they disagree."""
    from mobench.cli.progress import progress
    from mobench.runs.store import read_record
    from mobench.runs.verification import verify as again

    kept = read_record(record)
    print(f"{kept.id}: {kept.job.title}")
    with progress([kept.job], quiet) as listen:
        listen(kept.job, {"phase": "start"})
        verdict = again(kept, lambda event: listen(kept.job, event))
    for one in verdict.comparisons:
        sign = "agrees" if one.difference <= tolerance else "DIFFERS"
        numbers = f"{one.recorded:.6g} then, {one.again:.6g} now, relative difference {one.difference:.2g}"
        print(f"{one.name:24} {numbers}: {sign}")
    for caveat in verdict.caveats:
        print(f"note: {caveat}")
    if verdict.identical:
        print("identical: every computed number agrees to the bit")
        return
    if verdict.agrees(tolerance):
        print(f"agrees within {tolerance:g}")
        return
    print(f"does not agree within {tolerance:g}")
    raise typer.Exit(1)
