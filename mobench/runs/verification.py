"""A record made again from what it says, and compared with itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mobench.errors import RecordError
from mobench.interfaces import Strategy
from mobench.runs.execution import execute
from mobench.runs.record import Record

TOLERANCE = 1e-3


@dataclass(frozen=True)
class Comparison:
    """One quantity of a record and of the run that repeats it. `difference` is relative to the larger of both."""

    name: str
    recorded: float
    again: float
    difference: float


@dataclass(frozen=True)
class Verdict:
    """What a repetition came to.

    identical:   every computed number agrees to the bit.
    comparisons: the largest difference of each kind of number.
    caveats:     why numbers may differ although nothing is wrong: another processor, other versions.
    """

    identical: bool
    comparisons: list[Comparison]
    caveats: list[str]

    def agrees(self, tolerance: float) -> bool:
        return all(c.difference <= tolerance for c in self.comparisons)


def verify(record: Record, on_progress: Callable[[dict[str, Any]], None] | None = None) -> Verdict:
    """Train a record's job again, on its device, threads and strategy, and compare every number.

    Raises: RecordError for a record that has no result, or whose budget is in seconds, which no two
        runs spend alike; whatever went wrong in the repetition.
    """
    if record.status != "completed":
        raise RecordError(f"record {record.id} says {record.status}: there is no result to compare with")
    if record.job.budget.seconds is not None:
        raise RecordError(
            f"record {record.id} trained for seconds, not steps: no two runs take as many steps in a second"
        )
    made = record.provenance
    kept = {name: value for name, value in (made.strategy or {}).items() if name != "remark"}
    again = execute(
        record.job,
        device=made.device,
        threads=made.threads or None,
        strategy=Strategy.from_dict(kept),
        on_progress=on_progress,
    )
    if again.status != "completed":
        reason = again.failure.message if again.failure else "no reason given"
        raise RecordError(f"record {record.id} completed, its repetition {again.status}: {reason}")
    return compare(record, again)


def compare(record: Record, again: Record) -> Verdict:
    """The largest relative difference of each kind of number in two completed records of one job."""
    comparisons = []
    for name in _kinds(record):
        pairs = list(zip(_numbers(record, name), _numbers(again, name), strict=True))
        differences = [(_difference(a, b), a, b) for a, b in pairs]
        worst = max(differences, key=lambda d: d[0], default=(0.0, 0.0, 0.0))
        comparisons.append(Comparison(name, worst[1], worst[2], worst[0]))
    return Verdict(record.digest == again.digest, comparisons, _caveats(record, again))


def _kinds(record: Record) -> list[str]:
    losses = [f"losses, {split}" for split in record.fronts]
    return [*losses, *(f"hypervolume, {split}" for split in record.indicators)]


def _numbers(record: Record, kind: str) -> Iterator[float]:
    name, _, split = kind.partition(", ")
    if name == "losses":
        for row in record.fronts[split].losses:
            yield from row
    else:
        yield record.indicators[split]["hypervolume"] or 0.0


def _difference(a: float, b: float) -> float:
    return 0.0 if a == b else abs(a - b) / max(abs(a), abs(b))


def _caveats(record: Record, again: Record) -> list[str]:
    then, now = record.provenance, again.provenance
    found = [
        f"{what}: {before} then, {after} now"
        for what, before, after in (
            ("processor", then.processor, now.processor),
            ("threads", then.threads, now.threads),
            *((name, then.packages.get(name), now.packages.get(name)) for name in ("torch", "numpy")),
        )
        if before != after
    ]
    if then.strategy is None:
        found.append("the record is older than strategies: the default one was taken")
    return found
