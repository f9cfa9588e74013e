"""The end of a process's output, in a file that stays small however much the process prints. Imports nothing heavy."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

TAIL_BYTES = 1 << 16
"""Of the latest output, which are always in the file."""
MAX_BYTES = 2 * TAIL_BYTES
"""Of the file."""
PART_BYTES = 1 << 16
MAX_PARTS = 64
"""Read by `drain`: more than a pipe holds."""


class OutputTail:
    """Copies the output of a process from a pipe to a file, of which it keeps the end alone.

    source: the end of the pipe that is read.
    target: a descriptor. A regular file without a name keeps at most MAX_BYTES; any other file, such as a terminal or
        a log file, receives all of the output.
    """

    def __init__(self, source: int, target: int) -> None:
        os.set_blocking(source, False)
        status = os.fstat(target)
        self.source, self._target = source, target
        self._is_bounded = stat.S_ISREG(status.st_mode) and status.st_nlink == 0
        self._tail = b""

    def copy(self) -> bool:
        """Copy at most PART_BYTES; False where nothing is there now, or ever will be.

        A target that cannot be written, on a full disk for example, does not hold up the process.
        """
        try:
            part = os.read(self.source, PART_BYTES)
        except BlockingIOError:
            return False
        with suppress(OSError):
            self._write(part)
        return bool(part)

    def drain(self) -> None:
        """Copy what is left in the pipe. Does not wait for processes that hold its other end open."""
        for _ in range(MAX_PARTS):
            if not self.copy():
                return

    def _write(self, part: bytes) -> None:
        if not self._is_bounded:
            _write_all(self._target, part)
            return
        self._tail = (self._tail + part)[-TAIL_BYTES:]
        if os.fstat(self._target).st_size + len(part) <= MAX_BYTES:
            _write_all(self._target, part)
            return
        # the tail is written before the rest is cut off: killed in between, the file still has the latest output
        os.lseek(self._target, 0, os.SEEK_SET)
        _write_all(self._target, self._tail)
        os.ftruncate(self._target, len(self._tail))


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
