"""A folder of records: each one whole or absent, whatever happens meanwhile."""

from __future__ import annotations

import errno
import os
import re
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
from mobench.text import one_line

PROBE_BYTES = 1 << 16
"""Room that there must be for a record before any job is begun."""
CLAIM, TRAINING = "lock", "training.lock"
"""Kinds of locks of a job: of the runner that has it run, and of the worker that trains it."""
SETTLE_SECONDS = 15.0
"""How long a job's failure waits for another process that still trains the job."""
RANKS = {"failed": 0, "diverged": 1, "completed": 2}
"""A record never replaces one of a status of higher rank."""


Read = TypeVar("Read")


@dataclass
class Contents(Generic[Read]):
    """What a store holds: records, or outlines of them, sorted by file name; an error for each file that is none."""

    records: list[Read] = field(default_factory=list)
    unreadable: list[RecordError] = field(default_factory=list)


class Store:
    """Records below `folder/records`, with checkpoints, locks and weights beside them.

    Reading makes nothing; the folders appear with the first record.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)

    @property
    def records_folder(self) -> Path:
        return self.folder / "records"

    def path(self, job: Job) -> Path:
        """Where the record of a job belongs. Names of a job are only ever used made harmless."""
        words = "-".join(_harmless(n) for n in (job.dataset.name, job.solver.name))
        return self.records_folder / f"{words}-s{job.seeds.solver}-{job.id}.json"

    def checkpoint(self, job: Job) -> Path:
        return self.folder / "checkpoints" / f"{job.id}.pt"

    def weights(self, job: Job) -> Path:
        return self.folder / "weights" / f"{job.id}.safetensors"

    def read(self, job: Job) -> Record | None:
        """The record of a job; None where there is none.

        Raises: RecordError; StoreError where the folder cannot be used.
        """
        return self._read(self.path(job)) if self.has(job) else None

    def has(self, job: Job) -> bool:
        """Whether there is a record of the job, sound or not. Raises: StoreError where the folder cannot be used."""
        with looking_into(self.folder):
            return files.is_file(self.path(job))

    def state_of(self, job: Job) -> tuple[int, int] | None:
        """What tells a job's record from every other one that was or will be in its place; None where there is none."""
        try:
            status = self.path(job).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def write(self, record: Record) -> Path:
        """Write a record in place of the job's former one, unless the former one is worth more.

        A failed record replaces no result, and a diverged one replaces no completed one: whoever writes it did not
        see the result that another process wrote. Processes that train a job write its record under `training`;
        others use `write_failure`.

        It is written to a temporary file, flushed, and renamed: nobody ever sees half of it, and a
        full disk leaves what was there.

        Raises: StoreError; RecordError where the former record cannot be read and may be worth more.
        """
        path = self.path(record.job)
        former = None if record.status == "completed" else self.read(record.job)
        if former is None or RANKS[former.status] <= RANKS[record.status]:
            with writing(self.folder):
                path.parent.mkdir(parents=True, exist_ok=True)
                write_whole(path, record.to_json().encode())
        return path

    def write_failure(self, record: Record) -> Record:
        """Write the record of a failure that the job's own process could not write; return the job's record.

        The process of a runner that was killed may be about to write a result: it has SETTLE_SECONDS to end. Where it
        does not end, the failure is written only if the job has no record at all.

        Raises: StoreError, RecordError.
        """
        with held(self._lock_path(record.job, TRAINING), timeout=SETTLE_SECONDS) as is_ours:
            if is_ours:
                self.write(record)
            else:
                path = self.path(record.job)
                with writing(self.folder), suppress(FileExistsError):
                    path.parent.mkdir(parents=True, exist_ok=True)
                    write_whole(path, record.to_json().encode(), replace=False)
        return self.read(record.job) or record

    def forget_failure(self, job: Job) -> None:
        """Remove the record of a job that failed before, and is declined now. Raises: StoreError, RecordError."""
        record = self.read(job)
        if record is None:
            return
        with held(self._lock_path(job, TRAINING), timeout=SETTLE_SECONDS) as is_ours, writing(self.folder):
            record = self.read(job) if is_ours else None
            if record is not None and record.status == "failed":
                self.path(job).unlink()

    def contents(self) -> Contents[Record]:
        """Every record; what is not one is reported and harms no other.

        Raises: StoreError where the folder cannot be read at all.
        """
        found = Contents[Record]()
        for entry in self.listed():
            try:
                found.records.append(self._read(Path(entry.path)))
            except RecordError as error:
                found.unreadable.append(error)
        return found

    def listed(self) -> list[os.DirEntry[str]]:
        """The files that should be records, sorted by name; none where there is no folder.

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
        """Raise StoreError now rather than after the first hour of training."""
        with writing(self.folder):
            self.records_folder.mkdir(parents=True, exist_ok=True)
            # a file without a name, which even a killed process does not leave behind
            with tempfile.TemporaryFile(dir=self.records_folder) as probe:
                probe.write(b"x" * PROBE_BYTES)
                probe.flush()
                os.fsync(probe.fileno())

    @contextmanager
    def claim(self, job: Job) -> Iterator[bool]:
        """True while this process alone may have the job run; False where another one holds it.

        The lock is the system's and dies with its process.
        """
        with held(self._lock_path(job, CLAIM)) as is_ours:
            yield is_ours

    def claimed_by(self, job: Job) -> str:
        """Who holds the job's claim, and what to do where that process hangs: the end of a sentence."""
        return described(self._lock_path(job, CLAIM))

    @contextmanager
    def training(self, job: Job, tell: Callable[[str], None] = lambda message: None) -> Iterator[None]:
        """Entered by one process at a time, which alone trains the job; it waits for any other to end.

        A runner that is killed loses its claim at once, its worker may go on for a moment.
        What a killed process was about to write is removed.

        tell: called with who trains the job, where that process does not end within a few seconds.
        """
        with held(self._lock_path(job, TRAINING), tell):
            self._sweep(job)
            yield

    def forget_training(self, job: Job) -> None:
        """Remove a job's checkpoint and the count of its steps."""
        checkpoint = self.checkpoint(job)
        for path in (checkpoint, checkpoint.with_suffix(".steps")):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _lock_path(self, job: Job, kind: str) -> Path:
        with writing(self.folder):
            (self.folder / "locks").mkdir(parents=True, exist_ok=True)
        return self.folder / "locks" / f"{job.id}.{kind}"

    def _sweep(self, job: Job) -> None:
        """Remove temporary files of the job; safe while nobody else trains it."""
        for folder, name in (
            (self.records_folder, f".{self.path(job).name}."),
            (self.folder / "checkpoints", f".{job.id}."),
            (self.folder / "weights", f".{job.id}."),
        ):
            with suppress(OSError):
                for entry in os.scandir(folder):
                    # without the dot: checkpoints of earlier versions
                    if entry.name.startswith((name, name[1:])) and entry.name.endswith(".tmp"):
                        Path(entry.path).unlink(missing_ok=True)

    def _read(self, path: Path) -> Record:
        return read_record(path)


def read_record(path: Path) -> Record:
    """The record in a file. Raises: RecordError, in one line, whatever the file is."""
    try:
        data = files.read(path, MAX_BYTES)
    except (OSError, ValueError) as error:
        raise RecordError(
            f"{one_line(path.name)} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    return parse(data, path.name)


def write_whole(path: Path, data: bytes, replace: bool = True) -> None:
    """Write a file so that its name only ever stands for all of `data`.

    A device or a pipe stays what it is, also behind a symbolic link such as /dev/stdout: it is no place for a file.

    Raises: OSError; FileExistsError with `replace=False` where the name is taken, in the same step as the write.
    """
    files.check_replaceable(path)
    temporary = files.temporary_for(path)
    try:
        with files.create(temporary) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    """Have the new name on disk as well, where the file system can be asked for that."""
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(folder)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Makes a StoreError of what the system says against writing."""
    try:
        yield
    except MobenchError:
        raise
    except OSError as error:
        raise unwritable(folder, error) from error


def unwritable(folder: Path, error: OSError) -> StoreError:
    """The error for a store that the system does not let us write to."""
    return StoreError(
        f"nothing can be written to {one_line(str(folder))}: {error.strerror or error}; make room or name another "
        "folder with --out (earlier records are as they were)"
    )


@contextmanager
def looking_into(folder: Path) -> Iterator[None]:
    """Makes a StoreError of what the system says against looking for a file below a folder."""
    try:
        yield
    except MobenchError:
        raise
    except (OSError, ValueError) as error:  # a ValueError for a name with a null character
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"{one_line(str(folder))} cannot be used: {reason}; name a folder that you may enter and read"
        ) from error


def _harmless(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9_+]+", "-", name)[:40].strip("-") or "x"
