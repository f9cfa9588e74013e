"""The record index: one file with the outlines of all records of a store, so that a large store opens fast.

The index is a cache. For each record it stores the state of the record's file, and a record whose file has changed is
read again. The index may be deleted at any time. An index that is damaged or of another version is ignored, and a
failure to write it is ignored too.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from mobench import files
from mobench.errors import RecordError
from mobench.files import write_whole
from mobench.records.index_format import Bounds, FileState, pack, unpack
from mobench.records.outline import Outline, SharedParts, outline
from mobench.records.store import Contents, Store, read_record

NAME = "records.index"
EACH = Bounds(n_bytes=4096, n_values=256, n_tables=64)
"""Of the text that an index has for a record: about three times what the committed results need or more."""
SHARED = Bounds(n_bytes=2**23, n_values=2**20, n_tables=2**17)
"""Of the text that records share."""
MOST_TIMES_RECORDS = 2
"""How much larger than its records an index may be, beside what they share. Those of the committed results have less
than a third of the size of their records."""
WORTH = 500
"""Minimum number of records for which an index is used. Fewer records are read equally fast without one."""
STALE = 0.02
"""Fraction of changed records above which rewriting the index costs less than reading them again next time."""
YOUNG_SECONDS = 3
"""Files changed more recently are not indexed: file system clocks are coarse, so a second change may be missed."""


def outlines(store: Store) -> Contents[Outline]:
    """Return the outlines of all records of a store, from its index where that is up to date; update the index.

    Raises: StoreError where the folder cannot be read.
    """
    contents, indexed = Contents[Outline](), dict[str, tuple[FileState, Outline]]()
    listed = store.listed()
    states = [_state(entry) for entry in listed]
    index, large = store.folder / NAME, len(listed) >= WORTH
    with uncollected():
        previous = _read(index, states) if large else {}
    n_new, now, shared = 0, time.time_ns(), SharedParts()
    for entry, state in zip(listed, states, strict=True):
        before = previous.get(entry.name)
        if before is not None and before[0] == state:
            indexed[entry.name] = before
            contents.records.append(before[1])
            continue
        try:
            result = outline(read_record(Path(entry.path)), shared)
        except RecordError as error:
            contents.unreadable.append(error)
            continue
        contents.records.append(result)
        if state is not None and entry.name.isprintable() and now - max(state[1:3]) > YOUNG_SECONDS * 10**9:
            indexed[entry.name] = state, result
            n_new += 1
    n_gone = len(previous.keys() - indexed.keys())
    if large and n_new + n_gone > STALE * len(listed):
        # without space or permission to write, only speed is lost
        with suppress(OSError):
            write_whole(index, pack(indexed))
    return contents


@contextmanager
def uncollected() -> Iterator[None]:
    """Disable the cyclic garbage collector in the block: with a million live objects it takes half of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _state(entry: os.DirEntry[str]) -> FileState | None:
    try:
        status = entry.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _read(path: Path, states: Sequence[FileState | None]) -> dict[str, tuple[FileState, Outline]]:
    """What an index says of records in these states; nothing of one that is larger than theirs can be."""
    n_bytes = sum(state[0] for state in states if state is not None)
    try:
        data = files.read(path, SHARED.n_bytes + MOST_TIMES_RECORDS * n_bytes)
    except OSError:
        return {}
    return unpack(data, bounds_for(len(states)))


def bounds_for(n_records: int) -> Bounds:
    """Bounds of the text of an index of so many records."""
    return Bounds(
        SHARED.n_bytes + n_records * EACH.n_bytes,
        SHARED.n_values + n_records * EACH.n_values,
        SHARED.n_tables + n_records * EACH.n_tables,
    )
