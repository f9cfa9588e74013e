"""Files of unknown origin, read without trust in their size or kind."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MAX_SUITE_BYTES = 2**20
"""Of a suite file."""


class TooLarge(OSError):
    """A file holds more than was asked for; `strerror` says how much."""


def read(path: Path | str, at_most: int) -> bytes:
    """The bytes of a regular file. A pipe or a device, which may never end, is not read.

    Raises: OSError, whose `strerror` is for people; TooLarge, one of them, without having read anything.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > at_most:
            raise TooLarge(errno.EFBIG, f"it has {status.st_size} bytes, at most {at_most} are read")
        return file.read(at_most)
