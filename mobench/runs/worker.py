"""Worker process of one job: it reads a request from standard input and writes events as JSON lines."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

from pydantic import Field

from mobench.errors import MobenchError
from mobench.jobs.job import Job, Strict
from mobench.records.failure import DECLINED
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs.allocator import keep_freed_memory
from mobench.runs.worker_events import Tell

CHECKPOINT_SECONDS = 30.0
LAST_SECONDS = 5.0
"""Time that a worker has to end after its runner has ended."""


class Request(Strict):
    """Request to a worker.

    strategy: in the format of `Strategy.parse`. Empty: the strategy is measured or read from the cache.
    checkpoint_seconds: seconds between checkpoints. 0: a checkpoint after every step.
    plugins: keys of the plugins of the job's parts; only these are loaded. Empty: all plugins are loaded.
    """

    job: Job
    store: str
    device: str = "cpu"
    threads: int = 1
    keep_weights: bool = False
    strategy: str = ""
    checkpoint_seconds: float = CHECKPOINT_SECONDS
    command: list[str] = Field(default_factory=list)
    plugins: list[str] = Field(default_factory=list)


def main() -> int:
    """Run the job and write its record. Returns an exit code: 0 if a record was written or the job was declined."""
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
        with store.training(request.job, lambda message: tell({"phase": "waiting", "message": message})):
            record = _record(request, store, tell)
    except MobenchError as error:
        tell({"phase": "error", "message": str(error)})
        return 3
    if record.failure is not None and record.failure.kind == DECLINED:
        tell({"phase": "declined", "message": record.failure.message})
    else:
        tell({"phase": "done", "status": record.status})
    return 0


def _record(request: Request, store: Store, tell: Tell) -> Record:
    """Run the job and return its record, which is in the store unless the job was declined.

    Raises: MobenchError if the record cannot be written or read.
    """
    from mobench.interfaces import Strategy
    from mobench.plugins import load_only
    from mobench.runs.execution import execute

    # after the import of torch, whose state is compared before and after each import of a plugin
    if request.plugins:
        load_only(request.plugins)

    # the worker of a runner that was killed may have finished the job while this worker waited
    kept = store.read(request.job)
    if kept is None or kept.status == "failed":
        kept = execute(
            request.job,
            device=request.device,
            threads=request.threads,
            checkpoint=store.checkpoint(request.job),
            checkpoint_seconds=request.checkpoint_seconds,
            weights=store.weights(request.job) if request.keep_weights else None,
            on_progress=tell,
            command=request.command,
            strategy=Strategy.parse(request.strategy) if request.strategy else None,
        )
        if kept.failure is None or kept.failure.kind != DECLINED:
            store.write(kept)
            # another process may have written a result, which a failure does not replace
            kept = store.read(request.job) or kept
    # not before the record is stored: until then, only the checkpoint holds the result
    store.forget_training(request.job)
    return kept


def _teller(events: IO[str]) -> Tell:
    """Return a function that writes an event to the pipe to the runner."""

    def tell(event: dict[str, Any]) -> None:
        try:
            events.write(json.dumps(event) + "\n")
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
    os._exit(130)


def run() -> int:
    """Run `main` and return its exit code, or 130 if the worker was interrupted."""
    try:
        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
