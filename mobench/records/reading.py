"""Read the records of several folders for tables, with a warning for each unreadable record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from mobench import files
from mobench.errors import StoreError
from mobench.records.index import outlines
from mobench.records.outline import Outline
from mobench.records.record import Record
from mobench.records.store import Contents, Read, Store, looking_into
from mobench.text import one_line

Warn = Callable[[str], None]


def folder_of(named: str | Path) -> Path:
    """Return the folder itself if it exists, else the folder of this name in results/ if that exists.

    A file of this name does not count: a shell creates one for `mobench leaderboard quick > quick`.

    Raises: StoreError for a folder that cannot be accessed.
    """
    named = Path(named)
    below = Path("results") / named
    with looking_into(named):
        is_dir = files.exists(named) and not files.is_file(named)
        return below if not is_dir and files.exists(below) else named


def read_records(folders: Sequence[str | Path], warn: Warn) -> list[Record]:
    """Return the records of all folders. A name that is not a folder refers to the suite's folder in results/.

    Raises: StoreError where one of the folders has no record.
    """
    return _of_all(folders, lambda folder: Store(folder).contents(), warn)


def read_outlines(folders: Sequence[str | Path], warn: Warn) -> list[Outline]:
    """Return the outlines of the records, as `read_records`. This is much faster for many records."""
    return _of_all(folders, lambda folder: outlines(Store(folder)), warn)


def _of_all(folders: Sequence[str | Path], read: Callable[[Path], Contents[Read]], warn: Warn) -> list[Read]:
    records: list[Read] = []
    for folder in map(folder_of, folders):
        contents = read(folder)
        for error in contents.unreadable:
            warn(one_line(str(error)))
        if not contents.records:
            raise StoreError(f"there are no records in {folder}: name a folder that `mobench run` wrote")
        records += contents.records
    return records
