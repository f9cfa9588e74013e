"""Safe file access: bounded reads of regular files, and writes that do not follow symbolic links."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
BINARY = getattr(os, "O_BINARY", 0)
OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH

MAX_SUITE_BYTES = 2**20
"""Size limit of a suite file."""


class NotOurs(OSError):
    """Another user owns a file or folder, or can change it; `strerror` says which."""


class TooLarge(OSError):
    """A file exceeds the requested size limit; `strerror` gives both sizes."""


def read(path: Path | str, at_most: int) -> bytes:
    """Return the bytes of a regular file. Pipes and devices are rejected, because they may never end.

    Raises: OSError with a readable `strerror`; TooLarge, a subclass, before anything is read.
    """
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | BINARY)
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file")
        if status.st_size > at_most:
            raise TooLarge(errno.EFBIG, f"it has {status.st_size} bytes, at most {at_most} are read")
        # room for as much as is asked for is made at once; some file systems say of every file that it is empty
        return file.read(min(at_most, max(status.st_size, 1 << 16)))


def check_ours(path: Path) -> None:
    """Raise NotOurs unless the user of this process owns the file or folder and no other user can write to it."""
    status = os.stat(path)
    if not hasattr(os, "geteuid"):
        return
    if status.st_uid != os.geteuid():
        raise NotOurs(errno.EPERM, f"it belongs to user {status.st_uid}")
    if status.st_mode & OTHERS_WRITE:
        raise NotOurs(errno.EPERM, f"other users may write to it (mode {stat.S_IMODE(status.st_mode):o})")


def read_ours(path: Path, at_most: int) -> bytes:
    """Return the bytes of a cached file, if only this user can write to the file and its folder.

    Raises: OSError: NotOurs, TooLarge and the errors of `read`.
    """
    check_ours(path.parent)
    check_ours(path)
    return read(path, at_most)


def write_ours(path: Path, data: bytes) -> None:
    """Write a cached file atomically, accessible to this user only; create its folder with mode 700.

    Others lose the right to write to an existing folder. A folder that this user has made read-only stays as it is.

    Raises: OSError; NotOurs if the folder belongs to another user.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    mode = stat.S_IMODE(os.stat(path.parent).st_mode)
    if mode & OTHERS_WRITE:
        os.chmod(path.parent, mode & ~OTHERS_WRITE)
    check_ours(path.parent)
    with replacing(path, durable=False) as temporary, create(temporary, 0o600) as file:
        file.write(data)


def exists(path: Path) -> bool:
    """Whether a file or folder of this name exists.

    Raises: OSError if the system denies access. (`Path.exists` raises or returns False in this case, depending on the
        version of Python.)
    """
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_file(path: Path) -> bool:
    """Whether a regular file of this name exists.

    Raises: OSError, as `exists`.
    """
    return exists(path) and stat.S_ISREG(os.stat(path).st_mode)


def is_readable_file(path: Path) -> bool:
    """Whether a regular file of this name exists and can be read; False on any error."""
    try:
        return is_file(path) and os.access(path, os.R_OK)
    except (OSError, ValueError):  # ValueError: a name with a null character
        return False


def is_readable_dir(path: Path) -> bool:
    """Whether a folder of this name exists and can be entered and read; False on any error."""
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
    """Return a new, unpredictable path in the folder of `path`, ".<name>.<pid>-<random>.tmp"."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(8)}.tmp")


@contextmanager
def replacing(path: Path, overwrite: bool = True, durable: bool = True) -> Iterator[Path]:
    """Yield a temporary path; the file that the block writes there becomes `path`, whole or not at all.

    If the block or a later step raises an exception, the previous file stays. The temporary file is removed in any
    case. A symbolic link at `path` is replaced, not followed. A device or a pipe at `path` is not replaced, also
    behind a symbolic link such as /dev/stdout.

    overwrite: if False, an existing file is an error. This check is atomic with the write.
    durable:   flush the file and its name to disk, so that both survive a power failure.

    Raises: OSError; FileExistsError with `overwrite=False` if the file exists.
    """
    check_replaceable(path)
    temporary = temporary_for(path)
    try:
        yield temporary
        if durable:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    if durable:
        _flush_folder(path.parent)


def copy_folder(folder: Path, target: Path) -> None:
    """Copy a folder and its files under a new name, whole or not at all. Raises: OSError, also if `target` exists."""
    temporary = temporary_for(target)
    try:
        shutil.copytree(folder, temporary)
        temporary.rename(target)
    except OSError:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def write_whole(path: Path, data: bytes, overwrite: bool = True, durable: bool = True) -> None:
    """Write a file atomically, with the arguments of `replacing`. Raises: OSError, as `replacing`."""
    with replacing(path, overwrite, durable) as temporary, create(temporary) as file:
        file.write(data)


def create(path: Path, mode: int = 0o666) -> IO[bytes]:
    """Open a new file for writing, with the permissions `mode` under the umask.

    Raises: FileExistsError if a file or a symbolic link of this name exists.
    """
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW | BINARY, mode), "wb")


def open_in_place(path: Path, create: bool = False) -> int:
    """Open a regular file for reading and writing and return its descriptor.

    create: create the file if it does not exist.

    Raises: OSError for a symbolic link, a folder, a pipe or a device.
    """
    return _open_regular(path, os.O_RDWR | (os.O_CREAT if create else 0))


def open_for_reading(path: Path) -> IO[bytes]:
    """Open a regular file for reading; symbolic links are rejected.

    Raises: OSError, as `open_in_place`.
    """
    return os.fdopen(_open_regular(path, os.O_RDONLY), "rb")


def _open_regular(path: Path, flags: int) -> int:
    if path.is_symlink():  # for systems without O_NOFOLLOW, and for a clearer message
        raise OSError(errno.ELOOP, "it is a symbolic link")
    descriptor = os.open(path, flags | NO_FOLLOW | BINARY | getattr(os, "O_NONBLOCK", 0), 0o644)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is not a regular file")
    return descriptor


def _flush_folder(path: Path) -> None:
    """Flush a folder, so that a new file name is on disk too. File systems that do not support it are ignored."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(folder)
