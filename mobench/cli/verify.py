"""`mobench verify`: a record's job once more, and what agrees."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.cli.output import say


def verify(
    record: Annotated[Path, typer.Argument(help="A record: a JSON file in the folder records of a run.")],
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest relative difference that counts as agreement.")
    ] = 1e-3,
) -> None:
    """Train the job of a record again, from the record alone, and compare every number. Exit code 1: they disagree."""
    from mobench.cli.live import watch
    from mobench.cli.tally import Tally
    from mobench.errors import RecordError
    from mobench.runs.record import parse
    from mobench.runs.verification import verify as again

    try:
        content = record.read_bytes()
    except OSError as error:
        raise RecordError(f"{record} cannot be read: {error.strerror or error}") from error
    kept = parse(content, str(record))
    say(f"{kept.id}: {kept.job.title}")
    with watch(Tally([kept.job]), "verify") as listen:
        listen(kept.job, {"phase": "start"})
        verdict = again(kept, lambda event: listen(kept.job, event))
        listen(kept.job, {"phase": "end", "status": "completed"})
    for one in verdict.comparisons:
        sign = "agrees" if one.difference <= tolerance else "DIFFERS"
        numbers = f"{one.recorded:.6g} then, {one.again:.6g} now, relative difference {one.difference:.2g}"
        say(
            f"{one.name:24} {numbers}: {sign}", "comparison",
            name=one.name, recorded=one.recorded, again=one.again, difference=one.difference,
            agrees=one.difference <= tolerance,
        )  # fmt: skip
    for caveat in verdict.caveats:
        say(f"note: {caveat}")
    if verdict.identical:
        say("identical: every computed number agrees to the bit")
        return
    if verdict.agrees(tolerance):
        say(f"agrees within {tolerance:g}")
        return
    say(f"does not agree within {tolerance:g}")
    raise typer.Exit(1)
