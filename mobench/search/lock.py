"""Locks of a study: exclusive access to its journal, and locks that show which searches are alive.

Both are system locks, which are released when their process ends. A killed search therefore never blocks others.
"""

from __future__ import annotations

import os
import re
import secrets
import socket
import stat
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from mobench import files
from mobench.errors import StoreError
from mobench.records.store import writing
from mobench.text import one_line

LOCK_SECONDS = 60.0
"""A journal is locked for milliseconds at a time. A process that holds it for longer is stopped or hangs."""
LEFT_OVER_SECONDS = 2.0
"""How long a lock file of Optuna is observed before it is considered stale."""
POLL_SECONDS = 0.01


class StudyLock:
    """A reentrant lock in a store's folder with the interface that Optuna requires.

    A study has two locks, which are acquired in a fixed order. A search takes its turn at the study with the first.
    While it holds that, Optuna acquires the second to append each line to the journal.
    """

    def __init__(self, store_dir: Path, name: str) -> None:
        from filelock import FileLock

        self.path = store_dir / "locks" / f"{name}.lock"
        self._store_dir = store_dir
        self._file_lock = FileLock(self.path, thread_local=True)

    def acquire(self) -> bool:
        """Acquire the lock. Raises: StoreError, which names the owner, after `LOCK_SECONDS`."""
        from filelock import Timeout

        with writing(self._store_dir):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._file_lock.acquire(timeout=LOCK_SECONDS, poll_interval=POLL_SECONDS)
            except Timeout:
                raise StoreError(
                    f"{self.path} is held by {owner_of(self.path)} for over {LOCK_SECONDS:.0f} seconds, but a "
                    "search needs it for milliseconds only: continue or end that process, then run this again"
                ) from None
        if self._file_lock.lock_counter == 1:
            sign(self.path)
        return True

    def release(self) -> None:
        self._file_lock.release()

    def __enter__(self) -> StudyLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def remove_left_over(journal: Path, store_dir: Path) -> None:
    """Remove a stale lock file of Optuna next to a journal.

    Searches of this version create no such lock. Searches of earlier versions hold it for a moment and create a new
    one each time, so a lock that does not change was left behind by a killed process.
    """
    link = journal.with_name(f"{journal.name}.lock")
    before = _identity(link)
    if before is None:
        return
    end = time.monotonic() + LEFT_OVER_SECONDS
    while _identity(link) == before:
        if time.monotonic() > end:
            with writing(store_dir):
                link.unlink(missing_ok=True)
            return
        time.sleep(POLL_SECONDS)


class Presence:
    """A lock that shows that a search is alive. The search holds it from start to end; its trials store the `token`."""

    def __init__(self, store_dir: Path) -> None:
        self.token = secrets.token_hex(16)
        self._store_dir = store_dir

    def __enter__(self) -> Presence:
        from filelock import FileLock

        path = _presence_path(self._store_dir, self.token)
        with writing(self._store_dir):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file_lock = FileLock(path, thread_local=False)
            self._file_lock.acquire(timeout=0)
        sign(path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            _presence_path(self._store_dir, self.token).unlink(missing_ok=True)
        self._file_lock.release()


def is_alive(store_dir: Path, token: object) -> bool:
    """Return whether the search of a token is running; remove the lock file that a killed search left behind.

    Call it only while the journal's lock is held.

    token: the token in a journal; any value is accepted, because a journal may contain anything.
    """
    from filelock import FileLock, Timeout

    if not isinstance(token, str) or not re.fullmatch(r"[0-9a-f]{32}", token):
        return False
    path = _presence_path(store_dir, token)
    if not os.path.lexists(path):
        return False
    with writing(store_dir):
        lock = FileLock(path, thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        path.unlink(missing_ok=True)
        lock.release()
    return False


def owner(store_dir: Path, token: str) -> str:
    """Return a description of the process of a running search."""
    return owner_of(_presence_path(store_dir, token))


def owner_of(lock: Path) -> str:
    """Return a description of a lock's owner; "another process" if the lock file does not name it."""
    with suppress(OSError):
        words = one_line(files.read(lock, 1000).decode(errors="replace"), 100)
        if words:
            return words
    return "another process"


def sign(lock: Path) -> None:
    """Write the owner into a lock file that this process holds. Errors are ignored: the lock works without it."""
    with suppress(OSError):
        descriptor = files.open_in_place(lock)
        try:
            words = f"process {os.getpid()} on {socket.gethostname()}\n".encode()
            os.pwrite(descriptor, words, 0)
            os.ftruncate(descriptor, len(words))
        finally:
            os.close(descriptor)


def _presence_path(store_dir: Path, token: str) -> Path:
    return store_dir / "locks" / f"search-{token}.lock"


def _identity(link: Path) -> tuple[int, int] | None:
    """Return inode and mtime of a symbolic link, which change when it is recreated; None if there is none."""
    try:
        status = os.lstat(link)
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns) if stat.S_ISLNK(status.st_mode) else None
