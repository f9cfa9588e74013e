"""Outlines: the fields of a record that tables need, which are much faster to read than the record itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field

from mobench.jobs.job import Job, Strict
from mobench.records.record import Cost, Imported, Provenance, Record, RecordedFront, Role, Source, Status

SharedT = TypeVar("SharedT")


class Points(Protocol):
    """The interface shared by `RecordedFront` and `FrontOutline`; losses and metrics may be lists or arrays."""

    @property
    def preferences(self) -> list[list[float]]: ...
    @property
    def losses(self) -> ArrayLike: ...
    @property
    def metrics(self) -> Mapping[str, Sequence[float | None] | NDArray[np.float64]]: ...
    @property
    def n_samples(self) -> int | None: ...


class Measured(Protocol):
    """The interface shared by `Record` and `Outline`, which leaderboards and other tables use.

    objectives: names of the objectives.
    fronts:     split -> front; only the test split is used, and the metrics of the validation split.
    indicators: all indicators of the test split, and the hypervolume of every other split.
    finished:   time at which the record was finished (ISO 8601).
    hardware:   processor, threads and device on which its times were measured.
    digest:     a hash of all computed numbers (see `Record.digest`).
    """

    @property
    def id(self) -> str: ...
    @property
    def status(self) -> Status: ...
    @property
    def job(self) -> Job: ...
    @property
    def protocol(self) -> Mapping[str, Any]: ...
    @property
    def objectives(self) -> Sequence[str]: ...
    @property
    def fronts(self) -> Mapping[str, Points]: ...
    @property
    def indicators(self) -> Mapping[str, Mapping[str, float | None]]: ...
    @property
    def cost(self) -> Cost | None: ...
    @property
    def imported(self) -> Imported | None: ...
    @property
    def finished(self) -> str: ...
    @property
    def hardware(self) -> str: ...
    @property
    def digest(self) -> str: ...


@dataclass(slots=True)
class FrontOutline:
    """A `RecordedFront` with arrays of numbers. losses: [R, m]. metrics: name -> [R]; NaN where a value is missing."""

    preferences: list[list[float]]
    losses: NDArray[np.float64]
    metrics: Mapping[str, NDArray[np.float64]]
    n_samples: int | None


class Origin(Strict):
    """The versions of the code that computed a record, from its provenance.

    git:     commit of mobench; None if it is unknown.
    torch:   version of torch; "" if it is unknown.
    sources: as in `Provenance`.
    """

    mobench: str
    python: str
    torch: str
    git: str | None = None
    sources: dict[Role, Source] = Field(default_factory=dict)

    @classmethod
    def of(cls, provenance: Provenance) -> Origin:
        """Return the origin that a provenance states."""
        return cls(
            mobench=provenance.mobench,
            python=provenance.python,
            torch=provenance.packages.get("torch", ""),
            git=provenance.git,
            sources=provenance.sources,
        )


@dataclass(slots=True)
class Outline:
    """The fields of a record that `Measured` declares, and the origin of its code."""

    id: str
    status: Status
    job: Job
    protocol: Mapping[str, Any]
    objectives: Sequence[str]
    fronts: Mapping[str, FrontOutline]
    indicators: Mapping[str, Mapping[str, float | None]]
    cost: Cost | None
    imported: Imported | None
    finished: str
    hardware: str
    digest: str
    origin: Origin


def takes_preferences(front: Points) -> bool:
    """Return whether the points of a front depend on preferences.

    False where the preferences are unknown, and for a solver that ignores them: it trains one point, which is
    recorded at equal preferences. With a single objective there is only one preference, and the result is True.
    """
    return len(front.preferences) > 1 or any(len(preference) == 1 for preference in front.preferences)


class SharedParts:
    """Values that many records have in common: one object stands for all that are equal.

    A store of 60,000 records has a few hundred different options of jobs and sets of preferences.
    """

    def __init__(self) -> None:
        self._values: dict[str, Any] = {}

    def of(self, text: str, value: SharedT) -> SharedT:
        """Return the first value with this text, which is equal for equal values only."""
        shared: SharedT = self._values.setdefault(f"{type(value).__name__} {text}", value)
        return shared

    def job(self, job: Job) -> Job:
        """Return the job with shared parts."""
        parts = {name: getattr(job, name) for name in ("dataset", "model", "solver", "budget", "seeds")}
        return job.model_copy(update={name: self.of(part.model_dump_json(), part) for name, part in parts.items()})


def outline(record: Record, shared: SharedParts | None = None) -> Outline:
    """Return the outline of a record. shared: the values that it has in common with other outlines."""
    shared = shared or SharedParts()
    origin = Origin.of(record.provenance)
    return Outline(
        id=record.id,
        status=record.status,
        job=shared.job(record.job),
        protocol=shared.of(repr(record.protocol), record.protocol),
        objectives=shared.of(repr(record.objectives), record.objectives),
        fronts={split: _outlined(front, shared) for split, front in record.fronts.items() if _is_needed(split, front)},
        indicators={split: _needed(split, values) for split, values in record.indicators.items()},
        cost=record.cost,
        imported=record.imported,
        finished=record.finished,
        hardware=record.hardware,
        digest=record.digest,
        origin=shared.of(origin.model_dump_json(), origin),
    )


def _is_needed(split: str, front: RecordedFront) -> bool:
    return split == "test" or (split == "val" and bool(front.metrics))


def _outlined(front: RecordedFront, shared: SharedParts) -> FrontOutline:
    return FrontOutline(
        preferences=shared.of(repr(front.preferences), front.preferences),
        losses=np.array(front.losses, dtype=float),
        metrics={name: np.array(values, dtype=float) for name, values in front.metrics.items()},
        n_samples=front.n_samples,
    )


def _needed(split: str, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
    return values if split == "test" else {k: v for k, v in values.items() if k == "hypervolume"}
