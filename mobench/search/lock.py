"""Locks of a study: one process at a time changes its journal, and each search shows that it is alive.

Both are the system's locks, which end with their process: a search that is killed leaves none that holds up others.
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
"""A journal is locked for milliseconds at a time: who holds it for longer has been stopped, or hangs."""
LEFT_OVER_SECONDS = 2.0
"""For so long a lock of Optuna's own is watched before it is taken for left over."""
POLL_SECONDS = 0.01


class StudyLock:
    """A lock below a store's folder, in the form that Optuna asks for; a thread may take it several times over.

    A study has two, and their order is fixed: a search takes its turn at the study with one, and within it Optuna
    adds each line to the journal under the other.
    """

    def __init__(self, store_dir: Path, name: str) -> None:
        from filelock import FileLock

        self.path = store_dir / "locks" / f"{name}.lock"
        self._store_dir = store_dir
        self._file_lock = FileLock(self.path, thread_local=True)

    def acquire(self) -> bool:
        """Wait for the lock. Raises: StoreError, which names the owner, after `LOCK_SECONDS`."""
        from filelock import Timeout

        with writing(self._store_dir):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._file_lock.acquire(timeout=LOCK_SECONDS, poll_interval=POLL_SECONDS)
            except Timeout:
                raise StoreError(
                    f"{self.path} is held by {owner_of(self.path)} for over {LOCK_SECONDS:.0f} seconds, and a search "
                    "holds it for milliseconds: let that process go on, or end it, and run this again"
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
    """Remove a lock of Optuna's own beside a journal that nobody releases.

    Searches of this version make none. One of an earlier version holds it for a moment, and makes a new one every
    time: one that stays the same was left behind by a process that was killed.
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
    """Shows that a search is alive, by a lock that it holds from start to end; trials state its `token`."""

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
    """Whether the search of this token is under way; what a killed one left behind is removed.

    Call it while the journal's lock is held. token: as a journal states it, which may be anything.
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
    """The process of a search that is alive, in words."""
    return owner_of(_presence_path(store_dir, token))


def owner_of(lock: Path) -> str:
    """Who holds a lock, in words; "another process" where its file does not tell."""
    with suppress(OSError):
        words = one_line(files.read(lock, 1000).decode(errors="replace"), 100)
        if words:
            return words
    return "another process"


def sign(lock: Path) -> None:
    """Write into a lock that is held whose it is. A lock that cannot be signed serves as well."""
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
    """What tells a symbolic link from one that is made anew under its name; None where there is none."""
    try:
        status = os.lstat(link)
    except OSError:
        return None
    return (status.st_ino, status.st_mtime_ns) if stat.S_ISLNK(status.st_mode) else None
