"""File locks that work across machines and name their owner to waiting processes.

A lock is a system lock (flock), which is released when its process ends, also on another machine. On a file system
without flock, the lock is a file. A killed process leaves this file behind, and the message says what to delete.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mobench import files
from mobench.errors import StoreError
from mobench.text import one_line

NAME_SECONDS = 3.0
"""Time after which a process that waits for a lock reports the owner of the lock."""
MAX_OWNER_BYTES = 4096


@dataclass(frozen=True)
class Owner:
    """The process that holds a lock, and since when (ISO 8601, UTC)."""

    host: str
    pid: int
    since: str

    @property
    def is_here(self) -> bool:
        return self.host == platform.node()

    def state(self) -> str:
        """Return "running", "stopped" or "ended" for a process on this machine; "" if the state is unknown."""
        import psutil

        if not self.is_here:
            return ""
        try:
            process = psutil.Process(self.pid)
            # a process that started after the lock was acquired has reused the process id
            if process.create_time() > datetime.fromisoformat(self.since).timestamp() + 1:
                return "ended"
            status = process.status()
        except psutil.NoSuchProcess:
            return "ended"
        except (psutil.AccessDenied, ValueError):
            return ""
        return "stopped" if status in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP) else "running"


@contextmanager
def held(path: Path, tell: Callable[[str], None] | None = None, timeout: float = 0.0) -> Iterator[bool]:
    """Hold the lock of a file in the block; yield False if another process holds it for over `timeout` seconds.

    tell: if given, wait without a time limit, and call this function once with a description of the owner.

    Raises: StoreError where the system cannot lock the file.
    """
    lock = _acquired(path, timeout if tell is None else NAME_SECONDS)
    if lock is None and tell is not None:
        tell(described(path))
        lock = _acquired(path, -1)
    if lock is None:
        yield False
        return
    with lock:
        _note_owner(path)
        try:
            yield True
        finally:
            with suppress(OSError):
                _owner_path(path).unlink(missing_ok=True)


def described(path: Path) -> str:
    """Return who holds the lock of a file, and what to do if that process hangs, as the end of a sentence."""
    owner = owner_of(path)
    place = f"{path.parent.name}/{path.name}"
    if owner is None:
        return f"held by an unknown process: end it, or delete {place} if no process holds it"
    holder = f"held by process {owner.pid} on {one_line(owner.host, 100)} since {one_line(owner.since, 40)}"
    match owner.state():
        case "stopped":
            return f"{holder}, which is stopped: continue it with `kill -CONT {owner.pid}`, or `kill -9 {owner.pid}`"
        case "ended":
            return f"{holder}, which has ended: delete {place}"
        case "running":
            return f"{holder}: wait for it, or, if it hangs, end it with `kill -9 {owner.pid}`"
    return f"{holder}: wait for it, or end it there; if it has already ended, delete {place}"


def owner_of(path: Path) -> Owner | None:
    """Return the owner of a lock, as written by the owner's process; None if it wrote nothing."""
    try:
        content = json.loads(files.read(_owner_path(path), MAX_OWNER_BYTES))
        return Owner(str(content["host"]), int(content["pid"]), str(content["since"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _acquired(path: Path, timeout: float) -> Any:
    """Acquire and return the lock; None if another process holds it for over `timeout` seconds (-1: no limit)."""
    from filelock import FileLock, SoftFileLock, Timeout

    end = time.monotonic() + timeout
    try:
        try:
            return FileLock(path, thread_local=False).acquire(timeout=timeout).lock
        except NotImplementedError:
            # some releases of filelock raise this if there is no flock
            left = timeout if timeout <= 0 else max(0.0, end - time.monotonic())
            return SoftFileLock(path.with_name(f"{path.name}.soft"), thread_local=False).acquire(timeout=left).lock
    except Timeout:
        return None
    except OSError as error:
        raise StoreError(
            f"{path.parent.name}/{path.name} cannot be locked: {error.strerror or error}; make room, or name a folder "
            "on another file system with --out"
        ) from error


def _note_owner(path: Path) -> None:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    content = json.dumps({"host": platform.node(), "pid": os.getpid(), "since": since}).encode()
    # a lock without an owner file is still valid
    with suppress(OSError):
        files.write_whole(_owner_path(path), content, durable=False)


def _owner_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.owner")
