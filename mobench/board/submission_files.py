"""The files of a submission: exactly those that it lists, with their hashes, all regular and of bounded size."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from mobench import files
from mobench.board.layout import (
    RECORDS_FOLDER,
    SEARCH_FILE,
    SUBMISSION_FILE,
    VERIFICATION_FILE,
    WHEELS_FOLDER,
    Submission,
)
from mobench.records.record import MAX_BYTES as MAX_RECORD_BYTES
from mobench.text import one_line

MAX_FILES = 20_000
MAX_BYTES = 2**30
"""Size limit of all files together."""
MAX_WHEEL_BYTES = 32 * 2**20
MAX_SEARCH_BYTES = 4 * 2**20
FOLDERS = (RECORDS_FOLDER, WHEELS_FOLDER, SEARCH_FILE.partition("/")[0])
CHUNK_BYTES = 1 << 20


def file_faults(folder: Path, submission: Submission) -> list[str]:
    """Return one sentence for each way in which a folder is not what its submission lists."""
    if submission.id != folder.name:
        return [f"its id is {submission.id}, its folder has another name"]
    present, faults = _present(folder)
    if faults:
        return faults
    listed = {*submission.files, SUBMISSION_FILE}
    faults += [f"{name} is missing" for name in sorted(listed - present.keys())]
    faults += [
        f"{one_line(name, 100)} is not listed in {SUBMISSION_FILE}"
        for name in sorted(present.keys() - listed - {VERIFICATION_FILE})
    ]
    if faults:
        return faults
    if sum(present.values()) > MAX_BYTES:
        return [f"its files have {sum(present.values())} bytes together, at most {MAX_BYTES} are accepted"]
    for name, sha256 in sorted(submission.files.items()):
        if present[name] > (limit := _limit(name)):
            faults.append(f"{name} has {present[name]} bytes, at most {limit} are accepted")
            continue
        try:
            is_unchanged = sha256_of(folder / name) == sha256
        except OSError as error:
            faults.append(f"{name} cannot be read: {error.strerror or error}")
            continue
        if not is_unchanged:
            faults.append(f"{name} has another hash than {SUBMISSION_FILE} states: it was changed after submission")
    return faults


def sha256_of(path: Path) -> str:
    """Return the SHA-256 hash of a regular file. Raises: OSError, also for a symbolic link."""
    digest = hashlib.sha256()
    with files.open_for_reading(path) as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _present(folder: Path) -> tuple[dict[str, int], list[str]]:
    """Return the size of each file by its path below the folder, and a sentence for each entry that is no file."""
    sizes: dict[str, int] = {}
    faults: list[str] = []
    for place, folders, names in os.walk(folder):
        for name in sorted([*folders, *names]):
            path = Path(place, name)
            shown = path.relative_to(folder).as_posix()
            status = path.lstat()
            if stat.S_ISREG(status.st_mode):
                sizes[shown] = status.st_size
            elif not stat.S_ISDIR(status.st_mode):
                kind = "a symbolic link" if stat.S_ISLNK(status.st_mode) else "no regular file"
                faults.append(f"{one_line(shown, 100)} is {kind}")
            elif shown not in FOLDERS:
                faults.append(f"{one_line(shown, 100)} is a folder that no submission has")
            if len(sizes) > MAX_FILES or len(faults) >= 10:
                return sizes, faults or [f"it has more than {MAX_FILES} files"]
    return sizes, faults


def _limit(name: str) -> int:
    room = name.partition("/")[0]
    return {RECORDS_FOLDER: MAX_RECORD_BYTES, WHEELS_FOLDER: MAX_WHEEL_BYTES}.get(room, MAX_SEARCH_BYTES)
