"""Lines of `--json` about data: files with checksums, and folders that users provide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from mobench.output.output_lines import OutputLine

DataFileState: TypeAlias = Literal["here", "missing", "ok", "bad"]


@dataclass(frozen=True)
class DataFileLine(OutputLine):
    """A file of `mobench data list` (here or missing) or `mobench data verify` (ok or bad).

    place: path of the file; null if it is missing.
    message: why the file is bad.
    n_bytes: size of the right file; 0 if it is not stated.
    licence: licence of the data; empty if it is not stated.
    """

    event = "file"
    collection: str
    path: str
    state: DataFileState
    place: str | None
    message: str
    n_bytes: int
    licence: str


@dataclass(frozen=True)
class UserFolderLine(OutputLine):
    """A folder of `mobench data list` that the user provides; its files have no checksums.

    place: path of the folder; null if it is missing or incomplete.
    layout, origin: what it has to contain, and where it can be obtained.
    n_bytes: size of the data; 0 if it is not stated.
    licence: licence of the data; empty if it is not stated.
    """

    event = "user_folder"
    name: str
    path: str
    state: Literal["here", "missing"]
    place: str | None
    layout: str
    origin: str
    n_bytes: int
    licence: str
