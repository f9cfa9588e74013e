"""Files of unknown origin, read without trust in their size or kind."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path

MAX_SUITE_BYTES = 2**20
"""Of a suite file."""


class NotOurs(OSError):
    """Another user owns a file or folder, or may change it; `strerror` says which."""


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


def check_ours(path: Path) -> None:
    """Raise NotOurs unless the file or folder belongs to the user of this process and nobody else may write to it."""
    status = os.stat(path)
    if not hasattr(os, "geteuid"):
        return
    if status.st_uid != os.geteuid():
        raise NotOurs(errno.EPERM, f"it belongs to user {status.st_uid}")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise NotOurs(errno.EPERM, f"others may write to it (mode {stat.S_IMODE(status.st_mode):o})")


def read_ours(path: Path, at_most: int) -> bytes:
    """The bytes of a cached file that nobody else can have written: the file and its folder are this user's alone.

    Raises: OSError: NotOurs, TooLarge, and those of `read`.
    """
    check_ours(path.parent)
    check_ours(path)
    return read(path, at_most)


def write_ours(path: Path, data: bytes) -> None:
    """Write a cached file for this user alone, in one step; its folder is made, and closed to others.

    Raises: OSError; NotOurs where the folder belongs to another user.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    os.chmod(path.parent, 0o700)
    check_ours(path.parent)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
