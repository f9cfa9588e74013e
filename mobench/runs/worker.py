"""Worker process of one job: it reads a request from standard input and writes events as JSON lines."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from mobench.errors import MobenchError
from mobench.events import JobWaiting
from mobench.records.record import Record
from mobench.records.size_limits import DECLINED, MESSAGE
from mobench.records.store import Store
from mobench.runs.allocator import keep_freed_memory
from mobench.runs.exit_kinds import WorkerExitCode
from mobench.runs.request import Request
from mobench.runs.worker_events import WorkerDeclined, WorkerDone, WorkerError, WorkerProgress, WorkerResult
from mobench.text import message_of, shortened

Send = Callable[[WorkerProgress | WorkerResult], None]
"""Sends an event to the runner."""
LAST_SECONDS = 5.0
"""Time that a worker has to end after its runner has ended."""


def main() -> WorkerExitCode:
    """Run the job, write its record, and return the exit code."""
    # SIGTERM acts like Ctrl-C: no record is written and the checkpoint is kept. SystemExit is not used, because
    # it would look like a plugin's own sys.exit, which is recorded as a failure
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = Request.model_validate_json(sys.stdin.buffer.read())
    # output of plugins goes to standard error, because standard output carries the events
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    threading.Thread(target=_end_with_runner, args=(events.fileno(),), daemon=True).start()
    tell = _teller(events)
    store = Store(Path(request.store))
    keep_freed_memory()
    try:
        with store.training(request.job, lambda message: tell(JobWaiting(message))):
            record = _record(request, store, tell)
    except MobenchError as error:
        tell(WorkerError(shortened(message_of(error), MESSAGE)))
        return WorkerExitCode.STORE_ERROR
    if record.failure is not None and record.failure.kind == DECLINED:
        tell(WorkerDeclined(record.failure.message))
    else:
        tell(WorkerDone(record.status))
    return WorkerExitCode.DONE


def _record(request: Request, store: Store, tell: Send) -> Record:
    """Run the job and return its record, which is in the store unless the job was declined.

    Raises: MobenchError if the record cannot be written or read.
    """
    from mobench.in_process.transport import unpack
    from mobench.plugins import load_only
    from mobench.runs.execution import execute

    # after the import of torch, whose state is compared before and after each import of a plugin
    if request.plugins:
        load_only(request.plugins)
    unpack(request.in_process)

    # the worker of a runner that was killed may have finished the job while this worker waited
    record = store.read(request.job)
    if record is None or record.status == "failed":
        record = execute(
            request.job,
            request.options,
            threads=request.threads,
            checkpoint=store.checkpoint(request.job),
            weights=store.weights(request.job) if request.options.keep_weights else None,
            on_event=tell,
        )
        if record.failure is None or record.failure.kind != DECLINED:
            store.write(record)
            # another process may have written a result, which a failure does not replace
            record = store.read(request.job) or record
    # not before the record is stored: until then, only the checkpoint holds the result
    store.forget_training(request.job)
    return record


def _teller(events: IO[str]) -> Send:
    """Return a function that writes an event to the pipe to the runner."""

    def tell(event: WorkerProgress | WorkerResult) -> None:
        try:
            events.write(event.to_json() + "\n")
            events.flush()
        except BrokenPipeError:
            # the runner has ended, which is not a failure of the job: stop as for SIGTERM
            os.dup2(os.open(os.devnull, os.O_WRONLY), events.fileno())
            raise KeyboardInterrupt from None

    return tell


def _end_with_runner(events: int) -> None:
    """Wait until the reader of the events has ended, then end this process."""
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(events, 0)
    # poll always reports an error for a pipe whose reader has closed it
    poll.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(WorkerExitCode.INTERRUPTED)


def run() -> WorkerExitCode:
    """Run `main` and return its exit code; INTERRUPTED if the worker was interrupted."""
    try:
        return main()
    except KeyboardInterrupt:
        return WorkerExitCode.INTERRUPTED


if __name__ == "__main__":
    sys.exit(run())
