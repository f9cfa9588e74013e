"""A runner's side of a worker's pipes: the request goes in, events come out."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from mobench.runs.worker_events import MAX_CHARACTERS, parse_event

Tell = Callable[[dict[str, Any]], None]
LAST_PHASES = ("done", "error", "declined")
"""Phases of a worker's last event: the record is then complete, or cannot be written, or the job is declined."""
LOOK_SECONDS = 0.25
"""Interval between looks at whether the process has ended while another one holds its pipe open."""
DRAIN_SECONDS = 1.0
"""Time that events which were written before the end of the process may take to be read after it."""


def converse(process: subprocess.Popen[str], request: str, tell: Tell) -> dict[str, Any]:
    """Send the request, and pass events on until the worker's last one or the end of its process; the last event.

    Other processes that hold the pipe open, such as children in sessions of their own, are not waited for.
    """
    assert process.stdin is not None
    # dead before it has read everything: its exit code tells why
    with suppress(BrokenPipeError), process.stdin:
        process.stdin.write(request)
    last: dict[str, Any] = {}
    for line in _lines(process):
        event = parse_event(line)
        if event is not None:
            last = event
            tell(event)
            if event["phase"] in LAST_PHASES:
                break
    return last


def _lines(process: subprocess.Popen[str]) -> Iterator[bytes]:
    """Whole lines, as they come, until the pipe is closed or the process has ended. Longer ones are left out."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    os.set_blocking(descriptor, False)
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    rest, is_cut = b"", False
    deadline: float | None = None
    while deadline is None or time.monotonic() < deadline:
        # asked before reading: what was written before the end is then read
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
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if not is_cut:
                yield line
            is_cut = False
        if len(rest) > MAX_CHARACTERS:
            rest, is_cut = b"", True
