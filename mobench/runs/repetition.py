"""The job of a record once more, in a process of its own: foreign records say what is computed, and for how long."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace

from mobench.errors import RecordError, StoreError
from mobench.in_process.transport import packed
from mobench.interfaces import Strategy
from mobench.jobs.arguments import MAX_SECONDS
from mobench.jobs.resolve import providers
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs.executors.base import Exit, Limits
from mobench.runs.executors.local import LocalExecutor, available_cores
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.run_options import RunOptions
from mobench.runs.worker_events import WorkerProgress
from mobench.text import one_line

MAX_STEPS = 10**9
MAX_EPOCHS = 10**6
"""Of a job that is repeated; the largest of the committed records are below a thousandth of either."""


def check_repeatable(record: Record) -> None:
    """Raise RecordError for a record that cannot be repeated: imported, without a result, or trained for seconds.

    Also for a budget that would take years: a record may claim any number.
    """
    if record.imported is not None:
        raise RecordError(
            f"record {record.id} was imported from {record.imported.file}: what made its points is not known here, so "
            "nothing can be trained again; ask the authors of the points"
        )
    if record.status != "completed":
        raise RecordError(f"record {record.id} has status {record.status}: there is no result to compare with")
    budget = record.job.budget
    if budget.seconds is not None:
        raise RecordError(
            f"record {record.id} trained for seconds, not steps: no two runs take as many steps in a second"
        )
    for name, largest in (("steps", MAX_STEPS), ("epochs", MAX_EPOCHS)):
        if (length := getattr(budget, name)) is not None and length > largest:
            raise RecordError(
                f"record {record.id} states that it trained for {length:g} {name}, at most {largest:g} are repeated: "
                "verify a shorter job"
            )


def repeat(
    record: Record,
    on_event: Callable[[WorkerProgress], None],
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> Record:
    """The record of a second run of a record's job, with the device and the strategy of the first.

    It runs in a process of its own, which loads the plugins of the job alone and leaves nothing behind. It has at most
    as many threads as there are cores here.

    limits: seconds and bytes of memory after which the process is ended; other limits are not used.

    Raises: RecordError where the second run does not complete; StoreError where no temporary file can be written.
    """
    options, threads = repetition_options(record)
    executor = LocalExecutor(1, limits.timeout, limits.memory, threads)
    with _temporary_folder() as folder:
        request = Request(
            job=record.job,
            store=folder,
            options=options,
            threads=executor.threads,
            plugins=providers(record.job),
            in_process=packed(record.job.registered_parts),
        )
        try:
            ended = executor.run(request, on_event)
        finally:
            executor.stop()
        again = Store(folder).read(record.job)
    return _completed(record, ended, again)


def repetition_options(record: Record) -> tuple[RunOptions, int | None]:
    """Return the options of a second run with the device and the strategy of the first, and its number of threads.

    Threads are at most the cores here; None: the record states no number.
    """
    provenance = record.provenance
    strategy = {name: value for name, value in (provenance.strategy or {}).items() if name != "remark"}
    # nobody takes a repetition up again
    options = RunOptions(provenance.device, _bounded(Strategy.from_dict(strategy)), checkpoint_seconds=MAX_SECONDS)
    return options, _at_most_cores(provenance.threads) or None


def _completed(record: Record, ended: Exit, again: Record | None) -> Record:
    """The second record. Raises: RecordError, StoreError."""
    if ended.kind == ExitKind.STORE_ERROR:
        raise StoreError(
            f"record {record.id} cannot be repeated, as a temporary folder cannot be used: {ended.message} (or set "
            "TMPDIR to a folder that has room)"
        )
    if again is not None and again.status == "completed":
        return again
    how = "failed"
    if again is not None:
        how, reason = again.status, again.failure.message if again.failure else "no reason given"
    elif ended.kind == ExitKind.DECLINED:
        how, reason = "was declined", ended.message
    else:
        reason = ended.message or "it left no record"
        if words := ended.details.strip():
            reason += f"; its last words: {one_line(words.splitlines()[-1], 200)}"
    raise RecordError(f"record {record.id} completed, its repetition {how}: {reason}")


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="mobench-verify-", ignore_cleanup_errors=True)
    except OSError as error:
        raise StoreError(
            f"no temporary folder can be made: {error.strerror or error}; set TMPDIR to a folder that you may write to"
        ) from error


def _at_most_cores(threads: int) -> int:
    return max(0, min(threads, available_cores()))


def _bounded(strategy: Strategy) -> Strategy:
    if strategy.threads is None:
        return strategy
    return replace(strategy, threads=max(1, _at_most_cores(strategy.threads)))
