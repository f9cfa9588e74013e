"""A record made again from what it says, and compared with itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mobench.errors import MobenchError
from mobench.jobs.job import Part
from mobench.records.record import Front, Provenance, Record
from mobench.runs.repetition import check_repeatable, repeat

TOLERANCE = 1e-3
STEPWISE = 20
"""How much more a quantity may differ that moves in steps: an accuracy by whole samples, a correlation of ranks by
whole ranks, so that losses that agree to four digits can move it in the third."""

MOVES_IN_STEPS = ("metrics", "controllability", "spacing", "n_non_dominated", "non_uniformity_worst")


@dataclass(frozen=True)
class Comparison:
    """One kind of number of a record and of the run that repeats it.

    recorded, again: those of its numbers that are furthest apart.
    difference: theirs, relative to the larger of both; of numbers below a thousandth of their scale (the largest
                of their kind; of distances between fronts the largest loss), relative to that thousandth.
                Infinite where one is there and the other is not.
    tolerance:  the largest difference that counts as agreement.
    """

    name: str
    recorded: float
    again: float
    difference: float
    tolerance: float = TOLERANCE

    @property
    def agrees(self) -> bool:
        return self.difference <= self.tolerance


@dataclass(frozen=True)
class Verdict:
    """What a repetition came to.

    identical:   every computed number agrees to the bit.
    comparisons: the largest difference of each kind of number.
    caveats:     why numbers may differ although nothing is wrong: another processor, other versions.
    costs:       what it cost then and now; no two runs cost the same, so nothing is judged by it.
    """

    identical: bool
    comparisons: list[Comparison]
    caveats: list[str]
    costs: list[str]

    @property
    def agrees(self) -> bool:
        return all(c.agrees for c in self.comparisons)


def verify(
    record: Record,
    tolerance: float = TOLERANCE,
    on_progress: Callable[[dict[str, Any]], None] = lambda event: None,
    timeout: float | None = None,
    memory: int | None = None,
) -> Verdict:
    """Train a record's job again, on its device and strategy, and compare every number.

    It is trained in a process of its own, with at most as many threads as there are cores here; a caveat tells of any
    difference.

    timeout: seconds after which the repetition is ended; None: never.
    memory:  bytes that it may have in memory; None: no limit.

    Raises: RecordError for a record that cannot be repeated (see `check_repeatable`), or whose repetition does not
        complete; StoreError where no temporary file can be written.
    """
    check_repeatable(record)
    return compare(record, repeat(record, on_progress, timeout, memory), tolerance)


def compare(record: Record, again: Record, tolerance: float = TOLERANCE) -> Verdict:
    """The largest difference of each kind of number in two completed records of one job.

    Losses and indicators agree within `tolerance`, what moves in steps within `STEPWISE` times as much, and
    what the job itself determines (steps, parameters, preferences, the protocol) exactly.
    """
    exact = [_exactly(name, *pair) for name, pair in _determined(record, again).items()]
    then, now = _measured(record), _measured(again)
    largest = max((abs(loss) for front in record.fronts.values() for row in front.losses for loss in row), default=0.0)
    measured = [
        _compared(name, then.get(name, []), now.get(name, []), tolerance, largest)
        for name in dict.fromkeys([*then, *now])
    ]
    return Verdict(record.digest == again.digest, [*exact, *measured], _caveats(record, again), _costs(record, again))


def _determined(record: Record, again: Record) -> dict[str, tuple[Any, Any]]:
    """What the job fixes, then and now."""

    def of(r: Record) -> dict[str, Any]:
        cost = (
            r.cost.model_dump(include={"steps", "stored_parameters", "served_parameters", "n_models"}) if r.cost else {}
        )
        return {
            "protocol": r.protocol,
            "objectives": r.objectives,
            "preferences": {split: _rounded(f.preferences) for split, f in r.fronts.items()},
            "samples": {split: f.n_samples for split, f in r.fronts.items()},
            **cost,
        }

    then, now = of(record), of(again)
    return {name: (then.get(name), now.get(name)) for name in dict.fromkeys([*then, *now])}


def _rounded(rows: Iterable[Iterable[float]]) -> list[list[float]]:
    return [[round(value, 6) for value in row] for row in rows]


def _exactly(name: str, then: Any, now: Any) -> Comparison:
    """Equal or infinitely apart; numbers are shown as they are, other things are not."""
    number = isinstance(then, int) and isinstance(now, int)
    shown = (float(then), float(now)) if number else (math.nan, math.nan)
    return Comparison(name, *shown, 0.0 if then == now else math.inf, 0.0)


def _measured(record: Record) -> dict[str, list[float | None]]:
    """Kind of number -> all of them, in a fixed order."""
    kinds: dict[str, list[float | None]] = {}
    for split, front in record.fronts.items():
        kinds[f"losses, {split}"] = [value for row in front.losses for value in row]
        if front.metrics:
            kinds[f"metrics, {split}"] = _metrics(front)
    for split, values in record.indicators.items():
        kinds |= {f"{name}, {split}": [value] for name, value in values.items()}
    if record.trace:
        kinds["trace"] = [v for look in record.trace for v in (look.step, *look.train_losses, look.hypervolume)]
    return kinds


def _metrics(front: Front) -> list[float | None]:
    return [value for name in sorted(front.metrics) for value in front.metrics[name]]


def _compared(
    name: str, then: Sequence[float | None], now: Sequence[float | None], tolerance: float, largest_loss: float
) -> Comparison:
    allowed = tolerance * (STEPWISE if name.startswith(MOVES_IN_STEPS) else 1)
    if len(then) != len(now):
        return Comparison(name, math.nan, math.nan, math.inf, allowed)
    own = max((abs(v) for v in (*then, *now) if v is not None), default=0.0)
    scale = max(own, _scale(name.partition(", ")[0], largest_loss))
    pairs = [(_difference(a, b, scale / 1000), a, b) for a, b in zip(then, now, strict=True)]
    difference, a, b = max(pairs, key=lambda d: d[0], default=(0.0, 0.0, 0.0))
    return Comparison(name, math.nan if a is None else a, math.nan if b is None else b, difference, allowed)


def _scale(name: str, largest_loss: float) -> float:
    """What a quantity is measured in, where its own size says little: a distance of 1e-9 among losses of 1 is none."""
    if name in {"igd", "igd_plus", "gd", "gd_plus", "epsilon", "r2", "spacing"}:
        return largest_loss
    return 1.0 if name.startswith(("non_uniformity", "controllability")) else 0.0


def _difference(a: float | None, b: float | None, least: float) -> float:
    if a == b:
        return 0.0
    if a is None or b is None:
        return math.inf
    return abs(a - b) / max(abs(a), abs(b), least)


def _costs(record: Record, again: Record) -> list[str]:
    if record.cost is None or again.cost is None:
        return []
    return [
        f"training: {record.cost.training_seconds:.3g} s then, {again.cost.training_seconds:.3g} s now",
        f"peak memory: {record.cost.peak_bytes / 1e6:.0f} MB then, {again.cost.peak_bytes / 1e6:.0f} MB now",
    ]


def _caveats(record: Record, again: Record) -> list[str]:
    then, now = record.provenance, again.provenance
    found = [
        f"{what}: {before} then, {after} now"
        for what, before, after in (
            ("processor", then.processor, now.processor),
            ("threads", then.threads, now.threads),
            ("mobench", then.mobench, now.mobench),
            *((name, then.packages.get(name), now.packages.get(name)) for name in ("torch", "numpy")),
            *_versions(record),
            *_sources(then, now),
        )
        if before != after
    ]
    if then.strategy is None:
        found.append("the record is older than strategies: the default one was taken")
    return found


def _sources(then: Provenance, now: Provenance) -> list[tuple[str, str, str]]:
    """Of mobench and each part of the job the hash of its code then and now, where both are known."""
    both = [role for role in then.sources if role in now.sources]
    return [(f"code of {role}", then.sources[role].sha256[:12], now.sources[role].sha256[:12]) for role in both]


def _versions(record: Record) -> list[tuple[str, str, str]]:
    """Of each part of the job its version then and that of what is installed."""
    from mobench.plugins import registry

    job = record.job
    parts: list[tuple[Any, Part | None]] = [("dataset", job.dataset), ("model", job.model)]
    parts += [("generator", job.solver.generator), ("balancer", job.solver.balancer)]
    if job.solver.generator is None:
        parts.append(("solver", job.solver))
    found = []
    for kind, part in parts:
        if part is not None:
            try:
                found.append((f"{kind} {part.name}", part.version, registry().get(kind, part.name).version))
            except MobenchError as error:
                found.append((f"{kind} {part.name}", part.version, str(error)))
    return found
