"""The file in which Optuna keeps the trials of a search, when something befell it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from mobench.errors import MobenchError, StoreError
from mobench.runs.store import Store, writing
from mobench.text import one_line

JOURNAL = "study.journal"


@contextmanager
def reading(store: Store) -> Iterator[None]:
    """Makes a StoreError of whatever Optuna says of a journal that is damaged, or none of a search of ours."""
    path = store.folder / JOURNAL
    try:
        if path.exists() and not path.is_file():
            raise ValueError("it is no file")
        yield
    except (MobenchError, OSError):
        raise
    except Exception as error:
        reason = one_line(f"{type(error).__name__}: {error}", 200)
        raise StoreError(
            f"{path} is not the journal of a search, or it is damaged ({reason}): move it away, and the search begins "
            "anew with the records that are there"
        ) from error


def mend(store: Store) -> None:
    """Take away a last line that was cut short, by a full disk or a kill: it would spoil the next one as well.

    Optuna reads no line without an end, so nothing is lost that had been heard of. Raises: StoreError.
    """
    from optuna.storages.journal import JournalFileSymlinkLock

    path = store.folder / JOURNAL
    if not path.is_file():
        return
    with writing(store.folder):
        lock = JournalFileSymlinkLock(str(path))
        lock.acquire()
        try:
            with path.open("rb+") as file:
                content = file.read()
                if not content.endswith(b"\n"):
                    file.truncate(content.rfind(b"\n") + 1)
        finally:
            lock.release()
