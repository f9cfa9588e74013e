"""Communication with a worker over its pipes: send the request and receive events."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from mobench.runs.job_server import ServedProcess
from mobench.runs.worker_events import MAX_CHARACTERS, WorkerProgress, WorkerResult, parse_event

LOOK_SECONDS = 0.25
"""Interval of the checks whether the process has ended while another process holds its pipe open."""
DRAIN_SECONDS = 1.0
"""Time after the end of the process to read the events that it wrote before its end."""


def converse(
    process: subprocess.Popen[str] | ServedProcess, request: str, tell: Callable[[WorkerProgress], None]
) -> WorkerResult | None:
    """Send the request and pass events to `tell` until the worker's last event or the end of its process.

    Returns the last event, which `tell` does not receive; None if the process ended without it. Other processes that
    hold the pipe open, such as children in their own sessions, are not waited for.
    """
    assert process.stdin is not None
    # the process ended before it had read the request: its exit code gives the reason
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(request)
    for line in _lines(process):
        event = parse_event(line)
        if isinstance(event, WorkerResult):
            return event
        if event is not None:
            tell(event)
    return None


def _lines(process: subprocess.Popen[str] | ServedProcess) -> Iterator[bytes]:
    """Yield complete lines as they arrive, until the pipe is closed or the process has ended.

    Lines longer than `MAX_CHARACTERS` are skipped.
    """
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    rest, is_cut = b"", False
    deadline: float | None = None
    while deadline is None or time.monotonic() < deadline:
        # poll before reading, so that everything that was written before the end is read
        has_ended = process.poll() is not None
        if has_ended and deadline is None:
            deadline = time.monotonic() + DRAIN_SECONDS
        poll.poll(0 if has_ended else 1000 * LOOK_SECONDS)
        try:
            part = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            if has_ended:
                return
            continue
        if not part:
            return
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            if not is_cut:
                yield line
            is_cut = False
        if len(rest) > MAX_CHARACTERS:
            rest, is_cut = b"", True
