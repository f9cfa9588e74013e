"""Outlines of all records of a store, kept in one file beside them, so that a large store opens fast.

The records alone are the truth. Of each the index knows the state of the file that it was read from; where that is
another now, the record is read again. The index may be deleted at any time; one that is damaged, of another version
or cannot be written does no harm.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mobench import files
from mobench.errors import RecordError
from mobench.records.index_format import State, pack, unpack
from mobench.records.outline import Outline, outline
from mobench.records.store import Contents, Store, read_record, write_whole

NAME = "records.index"
MAX_BYTES = 2**30
MOST_BYTES_EACH = 4096
"""Of the text that an index has for a record; those of the committed results have about 1,000."""
MOST_BYTES_SHARED = 2**23
"""Of the text that records share."""
WORTH = 500
"""Fewer records are read as fast, and nothing is put beside them."""
STALE = 0.02
"""The share of records above which writing the index anew costs less than to read them again the next time."""
YOUNG_SECONDS = 3
"""For so long after a change a file may change again and look the same: clocks of file systems are coarse."""


def outlines(store: Store) -> Contents[Outline]:
    """Every record of a store in outline: from its index as far as that holds, which is then brought up to date.

    Raises: StoreError where the folder cannot be read at all.
    """
    found, kept = Contents[Outline](), dict[str, tuple[State, Outline]]()
    listed = store.listed()
    index, large = store.folder / NAME, len(listed) >= WORTH
    with uncollected():
        known = _read(index, len(listed)) if large else {}
    n_new, now = 0, time.time_ns()
    for entry in listed:
        state = _state(entry)
        before = known.get(entry.name)
        if before is not None and before[0] == state:
            kept[entry.name] = before
            found.records.append(before[1])
            continue
        try:
            one = outline(read_record(Path(entry.path)))
        except RecordError as error:
            found.unreadable.append(error)
            continue
        found.records.append(one)
        if state is not None and entry.name.isprintable() and now - max(state[1:3]) > YOUNG_SECONDS * 10**9:
            kept[entry.name] = state, one
            n_new += 1
    n_gone = len(known.keys() - kept.keys())
    if large and n_new + n_gone > STALE * len(listed):
        # no room, no right to write: it was only to be faster
        with suppress(OSError):
            write_whole(index, pack(kept))
    return found


@contextmanager
def uncollected() -> Iterator[None]:
    """Without looks for cyclic garbage: among a million objects that stay, they take half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _state(entry: os.DirEntry[str]) -> State | None:
    try:
        status = entry.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _read(path: Path, n_records: int) -> dict[str, tuple[State, Outline]]:
    try:
        return unpack(files.read(path, MAX_BYTES), MOST_BYTES_SHARED + n_records * MOST_BYTES_EACH)
    except OSError:
        return {}
