"""What tables need of a record: the record itself, or an outline of it that is much faster to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mobench.runs.job import Job
from mobench.runs.record import Cost, Front, Imported, Record, Status


class Measured(Protocol):
    """What is read of a record by everything between a store and a leaderboard.

    fronts:     of these, the test split's is looked at.
    indicators: of the test split all, of every other split the hypervolume.
    finished:   when.
    digest:     a hash of every computed number (see `Record.digest`).
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
    def fronts(self) -> Mapping[str, Front]: ...
    @property
    def indicators(self) -> Mapping[str, Mapping[str, float | None]]: ...
    @property
    def cost(self) -> Cost | None: ...
    @property
    def imported(self) -> Imported | None: ...
    @property
    def finished(self) -> str: ...
    @property
    def digest(self) -> str: ...


@dataclass(slots=True)
class Outline:
    """The parts of a record that `Measured` names, and no others."""

    id: str
    status: Status
    job: Job
    protocol: Mapping[str, Any]
    fronts: Mapping[str, Front]
    indicators: Mapping[str, Mapping[str, float | None]]
    cost: Cost | None
    imported: Imported | None
    finished: str
    digest: str


def outline(record: Record) -> Outline:
    """The outline of a record."""
    return Outline(
        id=record.id,
        status=record.status,
        job=record.job,
        protocol=record.protocol,
        fronts={split: front for split, front in record.fronts.items() if split == "test"},
        indicators={split: _needed(split, values) for split, values in record.indicators.items()},
        cost=record.cost,
        imported=record.imported,
        finished=record.finished,
        digest=record.digest,
    )


def _needed(split: str, values: Mapping[str, float | None]) -> Mapping[str, float | None]:
    return values if split == "test" else {k: v for k, v in values.items() if k == "hypervolume"}
