"""Stores: folders of records, which are written atomically and locked against concurrent runs.

A damaged record is reported and left as it is: tables omit it, and a run asks to move it away before it trains. Only
the result of the same job replaces it. A damaged index (`mobench.records.index`) is ignored and written again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from mobench import files
from mobench.errors import MobenchError, RecordError, StoreError
from mobench.jobs.job import Job
from mobench.records.locks import described, held
from mobench.records.record import MAX_BYTES, Record, parse
from mobench.text import file_name_part, one_line

PROBE_BYTES = 1 << 16
"""Free space that is required for a record before any job starts."""
CLAIM, TRAINING = "lock", "training.lock"
"""The two locks of a job: one for the runner that starts it, one for the worker that trains it."""
SETTLE_SECONDS = 15.0
"""How long the writing of a job's failure waits for another process that is still training the job."""
RANKS = {"failed": 0, "diverged": 1, "completed": 2}
"""A record never replaces a record whose status has a higher rank."""


Read = TypeVar("Read")


@dataclass
class Contents(Generic[Read]):
    """The records of a store or their outlines, sorted by file name, and an error for each unreadable file."""

    records: list[Read] = field(default_factory=list)
    unreadable: list[RecordError] = field(default_factory=list)


class Store:
    """A store: records in `folder/records`, with checkpoints, locks and weights in sibling folders.

    Reading creates nothing. The folders are created with the first record.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @property
    def records_folder(self) -> Path:
        return self.folder / "records"

    def path(self, job: Job) -> Path:
        """Return the path of a job's record. Names of the job are sanitized before they become part of the path."""
        words = "-".join(file_name_part(n) for n in (job.dataset.name, job.solver.name))
        return self.records_folder / f"{words}-s{job.seeds.solver}-{job.id}.json"

    def checkpoint(self, job: Job) -> Path:
        return self.folder / "checkpoints" / f"{job.id}.pt"

    def weights(self, job: Job) -> Path:
        return self.folder / "weights" / f"{job.id}.safetensors"

    def read(self, job: Job) -> Record | None:
        """Return the record of a job; None if it has none.

        Raises: RecordError; StoreError where the folder cannot be accessed.
        """
        return self._read(self.path(job)) if self.has(job) else None

    def has(self, job: Job) -> bool:
        """Return whether the job has a record, valid or not. Raises: StoreError where the folder cannot be accessed."""
        with looking_into(self.folder):
            return files.is_file(self.path(job))

    def state_of(self, job: Job) -> tuple[int, int] | None:
        """Return inode and modification time of a job's record, which change with each write; None if it has none."""
        try:
            status = self.path(job).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def write(self, record: Record) -> Path:
        """Write a record and replace the job's previous record, unless that one has a status of higher rank.

        A failed record replaces neither a completed nor a diverged one, and a diverged record does not replace a
        completed one: the process that writes it did not see the result of another process. Processes that train a
        job write its record under `training`; others use `write_failure`.

        The record is written to a temporary file, flushed, and renamed. Readers never see a partial record, and a
        full disk leaves the previous record unchanged.

        Raises: StoreError; RecordError where the previous record cannot be read and may have a higher rank.
        """
        path = self.path(record.job)
        previous = None if record.status == "completed" else self.read(record.job)
        if previous is None or RANKS[previous.status] <= RANKS[record.status]:
            with writing(self.folder):
                path.parent.mkdir(parents=True, exist_ok=True)
                files.write_whole(path, record.to_json().encode())
        return path

    def write_failure(self, record: Record) -> Record:
        """Write a failure record on behalf of a job's process that ended without one; return the job's record.

        The worker of a runner that was killed may still be writing a result. It has SETTLE_SECONDS to end. If it does
        not end, the failure is written only if the job has no record at all.

        Raises: StoreError, RecordError.
        """
        with held(self._lock_path(record.job, TRAINING), timeout=SETTLE_SECONDS) as is_ours:
            if is_ours:
                self.write(record)
            else:
                path = self.path(record.job)
                with writing(self.folder), suppress(FileExistsError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    files.write_whole(path, record.to_json().encode(), overwrite=False)
        return self.read(record.job) or record

    def forget_failure(self, job: Job) -> None:
        """Remove the failure record of a job that is now declined. Raises: StoreError, RecordError."""
        record = self.read(job)
        if record is None:
            return
        with held(self._lock_path(job, TRAINING), timeout=SETTLE_SECONDS) as is_ours, writing(self.folder):
            record = self.read(job) if is_ours else None
            if record is not None and record.status == "failed":
                self.path(job).unlink()

    def contents(self) -> Contents[Record]:
        """Return all records, and an error for each file that is not a valid record.

        Raises: StoreError where the folder cannot be read.
        """
        contents = Contents[Record]()
        for entry in self.listed():
            try:
                contents.records.append(self._read(Path(entry.path)))
            except RecordError as error:
                contents.unreadable.append(error)
        return contents

    def listed(self) -> list[os.DirEntry[str]]:
        """Return the JSON files of the records folder, sorted by name; [] if there is no folder.

        Raises: StoreError where the folder cannot be read.
        """
        try:
            with os.scandir(self.records_folder) as entries:
                return sorted((e for e in entries if e.name.endswith(".json")), key=lambda e: e.name)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise StoreError(
                f"records in {one_line(self.folder.name, 80)} cannot be listed: {error.strerror or error}; "
                "name a folder that you may read"
            ) from error

    def check_writable(self) -> None:
        """Raise StoreError if the store cannot be written to, so that the error occurs before training."""
        with writing(self.folder):
            self.records_folder.mkdir(parents=True, exist_ok=True)
            # an unnamed file: even a killed process does not leave it behind
            with tempfile.TemporaryFile(dir=self.records_folder) as probe:
                probe.write(b"x" * PROBE_BYTES)
                probe.flush()
                os.fsync(probe.fileno())

    @contextmanager
    def claim(self, job: Job) -> Iterator[bool]:
        """Yield True while this process holds the exclusive right to run the job; False if another process holds it.

        The lock is a system lock, which is released when its process ends.
        """
        with held(self._lock_path(job, CLAIM)) as is_ours:
            yield is_ours

    def claimed_by(self, job: Job) -> str:
        """Return who holds the job's claim, and what to do if that process hangs, as the end of a sentence."""
        return described(self._lock_path(job, CLAIM))

    @contextmanager
    def training(self, job: Job, tell: Callable[[str], None] = lambda message: None) -> Iterator[None]:
        """Hold the job's training lock in the block; wait until no other process holds it.

        A killed runner loses its claim at once, but its worker may continue to run for a moment.
        Temporary files of killed processes are removed.

        tell: called with a description of the process that trains the job, if it does not end within a few seconds.
        """
        with held(self._lock_path(job, TRAINING), tell):
            self._sweep(job)
            yield

    def forget_training(self, job: Job) -> None:
        """Remove a job's checkpoint and its step count."""
        checkpoint = self.checkpoint(job)
        for path in (checkpoint, checkpoint.with_suffix(".steps")):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _lock_path(self, job: Job, kind: str) -> Path:
        with writing(self.folder):
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
        return self.folder / "locks" / f"{job.id}.{kind}"

    def _sweep(self, job: Job) -> None:
        """Remove temporary files of the job. This is safe while no other process trains it."""
        for folder, name in (
            (self.records_folder, f".{self.path(job).name}."),
            (self.folder / "checkpoints", f".{job.id}."),
            (self.folder / "weights", f".{job.id}."),
        ):
            with suppress(OSError):
                for entry in os.scandir(folder):
                    # temporary files of earlier versions have no leading dot
                    if entry.name.startswith((name, name[1:])) and entry.name.endswith(".tmp"):
                        Path(entry.path).unlink(missing_ok=True)

    def _read(self, path: Path) -> Record:
        return read_record(path)


def read_record(path: Path) -> Record:
    """Return the record in a file. Raises: RecordError, in one line, for any other content."""
    try:
        data = files.read(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise RecordError(
            f"{one_line(path.name)} cannot be read: {reason} (make it readable, or move it away to go on)"
        ) from error
    return parse(data, path.name)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Convert an OSError of the block, which writes to a store, to a StoreError."""
    try:
        yield
    except MobenchError:
        raise
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> StoreError:
    """Return the StoreError for a store that cannot be written to."""
    return StoreError(
        f"nothing can be written to {one_line(str(folder))}: {error.strerror or error}; make room or name another "
        "folder with --out (existing records are unchanged)"
    )


@contextmanager
def looking_into(folder: Path) -> Iterator[None]:
    """Convert an OSError or ValueError of the block, which reads below a folder, to a StoreError."""
    try:
        yield
    except MobenchError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"{one_line(str(folder))} cannot be used: {reason}; name a folder that you may enter and read"
        ) from error
