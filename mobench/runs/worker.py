"""A process for one job: a request on standard input, progress as JSON lines on standard output."""

from __future__ import annotations

import json
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from pydantic import Field

from mobench.errors import MobenchError
from mobench.jobs.job import Job, Strict
from mobench.records.failure import DECLINED
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs.allocator import keep_freed_memory

Tell = Callable[[dict[str, Any]], None]
CHECKPOINT_SECONDS = 30.0
LAST_SECONDS = 5.0
"""What a worker whose runner is gone has to end by itself."""


class Request(Strict):
    """What a worker is asked to do.

    strategy: as `Strategy.parse` reads it; empty: measured or remembered.
    checkpoint_seconds: between checkpoints; 0: after every step.
    plugins: keys of those that the job's parts come from, which alone are loaded; empty: all.
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
    """Run the job and write its record. Returns an exit code: 0 whenever a record was written, or the job declined."""
    # told to stop, it stops like Ctrl-C: no record, and the checkpoint stays. SystemExit would be
    # taken for a plugin's own sys.exit, which is a failure and is recorded
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = Request.model_validate_json(sys.stdin.buffer.read())
    # what a plugin prints belongs on standard error: standard output carries the events
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
    """The job's record, which is in the store unless the job was declined. Raises: MobenchError where it cannot be
    written or read."""
    from mobench.interfaces import Strategy
    from mobench.plugins import load_only
    from mobench.runs.execution import execute

    # after torch, whose state is then compared before and after each import
    if request.plugins:
        load_only(request.plugins)

    # the worker of a runner that was killed may have come to its end while this one waited
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
    # only now: until the record is safe, the checkpoint is all there is
    store.forget_training(request.job)
    return kept


def _teller(events: IO[str]) -> Tell:
    """Writes events down the pipe to the runner."""

    def tell(event: dict[str, Any]) -> None:
        try:
            events.write(json.dumps(event) + "\n")
            events.flush()
        except BrokenPipeError:
            # the runner is gone, which is no failure of the job: stop as if told to
            os.dup2(os.open(os.devnull, os.O_WRONLY), events.fileno())
            raise KeyboardInterrupt from None

    return tell


def _end_with_runner(events: int) -> None:
    """Wait until nobody reads the events any more, then end this process, in whatever it is doing."""
    if not hasattr(select, "poll"):
        return
    poll = select.poll()
    poll.register(events, 0)
    # a pipe whose reader is gone is an error to its writer, which is always reported
    poll.poll()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_SECONDS)
    os._exit(130)


def run() -> int:
    """The exit code of `main`; 130 where it was told to stop."""
    try:
        return main()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(run())
