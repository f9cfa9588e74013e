"""Files of unknown origin: read without trust in their size or kind, written without following symbolic links."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import IO

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
BINARY = getattr(os, "O_BINARY", 0)

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
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | BINARY)
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
    temporary = temporary_for(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def exists(path: Path) -> bool:
    """Whether there is a file or folder of this name.

    Raises: OSError where the system does not let us look. (`Path.exists` raises or returns False for that, depending
        on the version of Python.)
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_file(path: Path) -> bool:
    """Whether there is a regular file of this name. Raises: OSError, as `exists`."""
    return exists(path) and stat.S_ISREG(os.stat(path).st_mode)


def is_readable_file(path: Path) -> bool:
    """Whether a regular file of this name can be read; False whatever the system says against it."""
    try:
        return is_file(path) and os.access(path, os.R_OK)
    except (OSError, ValueError):  # no file can have a name with a null character
        return False


def is_readable_dir(path: Path) -> bool:
    """Whether a folder of this name can be entered and read; False whatever the system says against it."""
    try:
        return stat.S_ISDIR(os.stat(path).st_mode) and os.access(path, os.R_OK | os.X_OK)
    except (OSError, ValueError):
        return False


def check_replaceable(path: Path) -> None:
    """Raise OSError where a device, a pipe or a socket has this name, or a symbolic link to one.

    Renaming a file to it would take its place; of folders the system itself says no.
    """
    try:
        status = os.stat(path)
    except OSError:  # there is none, or a link to nothing
        return
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        raise OSError(errno.EINVAL, "it is not a regular file")


def temporary_for(path: Path) -> Path:
    """A new name beside `path`, which nobody can guess and a sweep for ".<name>." and ".tmp" finds."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.tmp")


def create(path: Path) -> IO[bytes]:
    """Open a new file for writing. Raises: FileExistsError also where a symbolic link has its name."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | BINARY, 0o666), "wb")


def open_in_place(path: Path, create: bool = False) -> int:
    """A descriptor of a regular file for reading and writing, which is no symbolic link.

    create: make the file where there is none.
    Raises: OSError for a symbolic link, a folder, a pipe or a device.
    """
    return _open_regular(path, os.O_RDWR | (os.O_CREAT if create else 0))


def open_for_reading(path: Path) -> IO[bytes]:
    """Open a regular file that is no symbolic link. Raises: OSError, as `open_in_place`."""
    return os.fdopen(_open_regular(path, os.O_RDONLY), "rb")


def _open_regular(path: Path, flags: int) -> int:
    if path.is_symlink():  # where the system has no O_NOFOLLOW, and with a plainer reason than its own
        raise OSError(errno.ELOOP, "it is a symbolic link")
    descriptor = os.open(path, flags | NO_FOLLOW | BINARY | getattr(os, "O_NONBLOCK", 0), 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return descriptor
