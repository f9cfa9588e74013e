"""`mobench.verify`: rerun the job of a record and compare the results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.api.calls import NameOfOption, progress_shown
from mobench.events import JobEnded, JobStarted

if TYPE_CHECKING:
    import pandas as pd

    from mobench.records.record import Record
    from mobench.runs.verification import VerificationResult


def verify(
    record: str | Path,
    *,
    tolerance: float = 1e-3,
    timeout: float | None = None,
    memory: int | str | None = None,
    progress: bool | None = None,
) -> pd.DataFrame:
    """Train the job of a record again, from the record alone, and compare all numbers.

    Training runs in a process of its own. A record of unknown origin decides how long it trains and how much memory
    it takes: limit them by `timeout` and `memory`.

    Args:
        record: A record: a JSON file in the folder records of a run.
        tolerance: Largest relative difference that counts as agreement; 20 times as much for stepwise values, and 10
            times as much for jobs in bfloat16.
        timeout: Seconds after which training is stopped; default: no limit.
        memory: Memory at which training is stopped: 500MB, 2GiB; default: no limit. A number is in bytes.
        progress: As in `run`.

    Returns:
        One row per kind of number: `name`, `recorded`, `again`, `difference` (relative), `tolerance` and `agrees`.
        `table.attrs` has "id", "agrees" (all rows agree), "identical" (every computed number agrees to the bit),
        "costs" (not compared) and "caveats" (reasons why numbers may differ although nothing is wrong).

    Raises:
        RecordError: For a file that is not a record, a record that cannot be repeated, and a rerun that does not
            complete.
        OptionError: For a tolerance or a limit out of range.
    """
    import pandas as pd

    with progress_shown(progress) as is_shown:
        original, verdict = verified(
            record, tolerance=tolerance, timeout=timeout, memory=memory, is_watched=is_shown
        )  # fmt: skip
    columns = ("name", "recorded", "again", "difference", "tolerance", "agrees")
    rows = [[getattr(comparison, column) for column in columns] for comparison in verdict.comparisons]
    table = pd.DataFrame(rows, columns=list(columns))
    table.attrs = {
        "id": original.id,
        "agrees": verdict.agrees,
        "identical": verdict.identical,
        "costs": verdict.costs,
        "caveats": verdict.caveats,
    }
    return table


def verified(
    record: str | Path,
    *,
    tolerance: float,
    timeout: float | None,
    memory: int | str | None,
    is_watched: bool = True,
    announce: Callable[[Record], None] = lambda original: None,
    label: NameOfOption = str,
) -> tuple[Record, VerificationResult]:
    """Return a record and its comparison with a rerun; the arguments are those of `verify`.

    is_watched: whether the progress of the rerun is shown in the mode of the command line.
    announce: called with the record before its job is run.

    Raises: MobenchError.
    """
    from mobench.jobs import arguments
    from mobench.output.live import watch
    from mobench.output.tally import Tally
    from mobench.records.store import read_record
    from mobench.runs.executors import Limits
    from mobench.runs.executors.base import check_limits
    from mobench.runs.repetition import check_repeatable
    from mobench.runs.verification import verify as compared_with_rerun

    arguments.quantity(tolerance, label("tolerance"))
    n_bytes = arguments.parse_bytes(memory, label("memory")) if isinstance(memory, str) else memory
    check_limits({"timeout": timeout, "memory": n_bytes}, label(""))
    original = read_record(Path(record))
    check_repeatable(original)
    announce(original)
    with watch(Tally([original.job]), "verify") as show:
        listen = show if is_watched else lambda job, event: None
        listen(original.job, JobStarted())
        verdict = compared_with_rerun(
            original, tolerance, lambda event: listen(original.job, event), Limits(timeout=timeout, memory=n_bytes)
        )
        listen(original.job, JobEnded("completed"))
    return original, verdict
