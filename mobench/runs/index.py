"""Outlines of all records of a store, kept in one file beside them, so that a large store opens fast.

The records alone are the truth. Of each the index knows the state of the file that it was read from; where that is
another now, the record is read again. The index may be deleted at any time; one that is damaged, of another version
or cannot be written does no harm.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from mobench import files
from mobench.errors import RecordError
from mobench.runs.bounds import Number, Numbers, Rows, Table
from mobench.runs.job import Job, SeedSet, Strict
from mobench.runs.outline import Outline, outline
from mobench.runs.record import Cost, Front, Imported, Status
from mobench.runs.store import Contents, Store, read_record, write_whole

NAME = "records.index"
MAX_BYTES = 2**30
WORTH = 500
"""Fewer records are read as fast, and nothing is put beside them."""
STALE = 0.02
"""The share of records above which writing the index anew costs less than to read them again the next time."""
YOUNG_SECONDS = 3
"""For so long after a change a file may change again and look the same: clocks of file systems are coarse."""

State = tuple[int, int, int, int]
"""A file's size, times of its content and of its status (ns), and number. The third is none that a copy or an archive
can set: an index that came along with records from elsewhere is not believed."""


def outlines(store: Store) -> Contents[Outline]:
    """Every record of a store in outline: from its index as far as that holds, which is then brought up to date.

    Raises: StoreError where the folder cannot be read at all.
    """
    found, kept = Contents[Outline](), dict[str, tuple[State, Outline]]()
    listed = store.listed()
    index, large = store.folder / NAME, len(listed) >= WORTH
    with uncollected():
        known = _read(index) if large else {}
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
            write_whole(index, _pack(kept))
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


Place = Annotated[int, Field(ge=0)]


class _Entry(Strict):
    """One record. Of what many share, job but for the seeds, protocol and rays, it has the place in a list of them."""

    file: str
    state: State
    id: str
    status: Status
    job: Place
    seeds: SeedSet
    protocol: Place
    # names were checked when the record was read
    front: tuple[Place, Rows, dict[str, Numbers], int | None] | None
    indicators: dict[str, dict[str, Number | None]]
    cost: Cost | None
    imported: Imported | None
    finished: str
    digest: str


class _Content(Strict):
    """The file below its first line, which is the hash of the rest."""

    format: Literal[1] = 1
    mobench: str = Field(default_factory=lambda: _reader())
    jobs: list[Job]
    protocols: list[Table]
    rays: list[Rows]
    entries: list[_Entry]


def _reader() -> str:
    """What reads records here: the version, and the fields that there are, as between versions some are added."""
    fields = [name for part in (Job, Cost, Front, Imported, _Entry) for name in part.model_fields]
    return f"{version('mobench')} {sha256(' '.join(fields).encode()).hexdigest()[:16]}"


class _Shared:
    """Values of which equal ones are kept once."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._places: dict[str, int] = {}

    def place(self, value: Any, text: str) -> int:
        """Where the value stands; `text` is the same for equal ones."""
        place = self._places.setdefault(text, len(self.values))
        if place == len(self.values):
            self.values.append(value)
        return place


def _pack(kept: Mapping[str, tuple[State, Outline]]) -> bytes:
    jobs, protocols, rays = _Shared(), _Shared(), _Shared()
    entries = []
    for name, (state, one) in kept.items():
        front = one.fronts.get("test")
        job = one.job.model_copy(update={"seeds": SeedSet()})
        entries.append(
            _Entry.model_construct(
                file=name,
                state=state,
                id=one.id,
                status=one.status,
                job=jobs.place(job, job.model_dump_json()),
                seeds=one.job.seeds,
                protocol=protocols.place(one.protocol, repr(one.protocol)),
                front=front
                and (
                    rays.place(front.preferences, repr(front.preferences)),
                    front.losses,
                    front.metrics,
                    front.n_samples,
                ),
                indicators=one.indicators,
                cost=one.cost,
                imported=one.imported,
                finished=one.finished,
                digest=one.digest,
            )
        )
    content = _Content.model_construct(jobs=jobs.values, protocols=protocols.values, rays=rays.values, entries=entries)
    body = content.model_dump_json().encode()
    return sha256(body).hexdigest().encode() + b"\n" + body


def _read(path: Path) -> dict[str, tuple[State, Outline]]:
    """File name -> its state and the outline then; nothing where there is no sound index of this version."""
    try:
        data = files.read(path, MAX_BYTES)
        hash_, _, body = data.partition(b"\n")
        if hash_ != sha256(body).hexdigest().encode():
            return {}
        content = _Content.model_validate_json(body)
        if content.mobench != _reader():
            return {}
        return {entry.file: (entry.state, _outline(entry, content)) for entry in content.entries}
    except (OSError, ValueError, IndexError):
        return {}


def _outline(entry: _Entry, content: _Content) -> Outline:
    fronts = {}
    if entry.front is not None:
        place, losses, metrics, n_samples = entry.front
        # checked when the record was read
        fronts["test"] = Front.model_construct(
            preferences=content.rays[place], losses=losses, metrics=metrics, n_samples=n_samples
        )
    return Outline(
        id=entry.id,
        status=entry.status,
        job=content.jobs[entry.job].model_copy(update={"seeds": entry.seeds}),
        protocol=content.protocols[entry.protocol],
        fronts=fronts,
        indicators=entry.indicators,
        cost=entry.cost,
        imported=entry.imported,
        finished=entry.finished,
        digest=entry.digest,
    )
