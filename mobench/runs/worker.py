"""A process for one job: a request on standard input, progress as JSON lines on standard output."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from pydantic import Field

from mobench.errors import MobenchError
from mobench.runs.job import Job, Strict
from mobench.runs.store import Store


class Request(Strict):
    """What a worker is asked to do. strategy: as `Strategy.parse` reads it; empty: measured or remembered."""

    job: Job
    store: str
    device: str = "cpu"
    threads: int = 1
    keep_weights: bool = False
    strategy: str = ""
    command: list[str] = Field(default_factory=list)


def main() -> int:
    """Run the job and write its record. Returns an exit code: 0 whenever a record was written."""
    # told to stop, it stops like Ctrl-C: no record, and the checkpoint stays. SystemExit would be
    # taken for a plugin's own sys.exit, which is a failure and is recorded
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    request = Request.model_validate_json(sys.stdin.buffer.read())
    # what a plugin prints belongs on standard error: standard output carries the events
    events = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def tell(event: dict[str, Any]) -> None:
        try:
            events.write(json.dumps(event) + "\n")
            events.flush()
        except BrokenPipeError:
            # the runner is gone, which is no failure of the job: stop as if told to
            os.dup2(os.open(os.devnull, os.O_WRONLY), events.fileno())
            raise KeyboardInterrupt from None

    from mobench.interfaces import Strategy
    from mobench.runs.execution import execute

    store = Store(Path(request.store))
    record = execute(
        request.job,
        device=request.device,
        threads=request.threads,
        checkpoint=store.checkpoint(request.job),
        weights=store.weights(request.job) if request.keep_weights else None,
        on_progress=tell,
        command=request.command,
        strategy=Strategy.parse(request.strategy) if request.strategy else None,
    )
    try:
        store.write(record)
    except MobenchError as error:
        tell({"phase": "error", "message": str(error)})
        return 3
    tell({"phase": "done", "status": record.status})
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
