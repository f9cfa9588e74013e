"""Open, check and repair the Optuna journal that contains the trials of a search."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from mobench import files
from mobench.errors import MobenchError, StoreError
from mobench.records.store import Store
from mobench.search.lock import StudyLock
from mobench.text import one_line

if TYPE_CHECKING:
    from optuna.storages import JournalStorage

JOURNAL = "study.journal"
FIRST_BYTES = b'{"op_code":'
"""Prefix of every line of a journal."""
MAX_BYTES = 2**30
"""Of a journal, which Optuna reads whole."""


def is_there(store: Store) -> bool:
    """Return whether a store has a journal. Raises: StoreError where its folder cannot be accessed."""
    with reading(store):
        return files.exists(store.folder / JOURNAL)


@contextmanager
def reading(store: Store) -> Iterator[None]:
    """Raise StoreError for a journal that is damaged, inaccessible, or not the journal of a mobench search."""
    path = store.folder / JOURNAL
    try:
        if path.is_symlink():
            raise ValueError("it is a symbolic link")
        if files.exists(path) and not files.is_file(path):
            raise ValueError("it is not a file")
        if files.exists(path) and path.stat().st_size > MAX_BYTES:
            raise ValueError(f"it has over {MAX_BYTES} bytes")
        yield
    except MobenchError:
        raise
    except OSError as error:
        raise StoreError(
            f"{one_line(str(path))} cannot be used: {error.strerror or error}; name another folder with --out"
        ) from error
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise StoreError(
            f"{one_line(str(path))} is not the journal of a search, or it is damaged ({reason}): move it away, and the "
            "search starts again from the existing records"
        ) from error


def storage_of(store: Store) -> JournalStorage:
    """Return Optuna's storage for a store's journal. Its lock is released even if a process is killed.

    Call it in a `reading` block.
    """
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    lock = cast(Any, StudyLock(store.folder, JOURNAL))
    return JournalStorage(JournalFileBackend(str(store.folder / JOURNAL), lock_obj=lock))


def mend(store: Store) -> None:
    """Remove a last line that a full disk or a kill truncated. Otherwise it would corrupt the next line too.

    Optuna ignores an incomplete line, so no trial that it knows is lost. A file is changed only if it is a journal:
    each complete line must be a journal operation, and the rest must be the beginning of one.

    Call it in a `reading` block. Raises: ValueError for a file that is not a journal; OSError; StoreError.
    """
    path = store.folder / JOURNAL
    if not files.exists(path):
        return
    with StudyLock(store.folder, JOURNAL), os.fdopen(files.open_in_place(path), "rb+") as file:
        content = file.read()
        end = content.rfind(b"\n") + 1
        if end == len(content):
            return
        lines = content[:end].split(b"\n")[:-1]
        for number, line in enumerate(lines, start=1):
            if not _is_operation(line):
                raise ValueError(f"line {number} is not a line of a journal")
        rest = content[end:]
        if not (rest.startswith(FIRST_BYTES) or FIRST_BYTES.startswith(rest)):
            raise ValueError("its last line is not the beginning of a journal line")
        file.truncate(end)


def _is_operation(line: bytes) -> bool:
    try:
        operation = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(operation, dict)
        and isinstance(operation.get("op_code"), int)
        and isinstance(operation.get("worker_id"), str)
    )
