"""Verification of a record: rerun its job and compare the results with the record."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from mobench.errors import MobenchError, PreferenceError
from mobench.hookspecs import INTERFACE_VERSION
from mobench.interfaces import Protocol
from mobench.jobs.rays import job_rays
from mobench.kernels.precision import DEFAULT
from mobench.metrics.evaluation import FrontValues, at_rays, indicators_of
from mobench.records.record import Provenance, Record, RecordedFront
from mobench.runs.executors.base import Limits
from mobench.runs.repetition import check_repeatable, repeat
from mobench.runs.worker_events import WorkerProgress

TOLERANCE = 1e-3
STEPWISE = 20
"""Factor on the tolerance of quantities that change in steps.

An accuracy changes by whole samples and a rank correlation by whole ranks, so losses that agree to four digits can
change it in the third digit.
"""

BFLOAT16 = 10
"""Factor on the tolerance of jobs in bfloat16, whose rounding on another processor differs by 0.4 % per operation."""
ERROR_ESTIMATE = "hypervolume_error"
"""Not compared: the error estimate of an approximate hypervolume, a small difference of nearly equal numbers."""
JUMPS = ("controllability", "n_non_dominated", "spacing")
"""Indicators that depend on the order of points: two nearly equal points that change places change them by any amount.

Where they differ although the losses of their split agree, they agree if they follow from the recorded losses.
"""
MOVES_IN_STEPS = ("metrics", "controllability", "spacing", "n_non_dominated", "non_uniformity_worst")
TRACE = "trace"
"""Losses and hypervolumes during training. They move fast there, so they have the larger tolerance too."""


@dataclass(frozen=True)
class Difference:
    """Comparison of one kind of number between a record and the rerun of its job.

    recorded, again: the pair of numbers, in the record and in the rerun, with the largest difference.
    difference: relative difference of that pair, relative to the larger of the two. For losses below a tenth of the
                largest loss it is relative to that tenth, for distances between fronts to a hundredth of the largest
                loss, and for other numbers to a thousandth of the largest of the kind. 0 for an indicator in `JUMPS`
                that follows from recorded losses which agree. Infinite if one of the two is missing.
    tolerance:  largest difference that counts as agreement.
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
class VerificationResult:
    """Result of a verification.

    identical:   whether every computed number agrees to the bit.
    comparisons: the comparison of each kind of number.
    caveats:     reasons why numbers may differ although nothing is wrong, such as another processor or version.
    costs:       the cost of the recorded run and of the rerun. Costs always differ, so they are not compared.
    """

    identical: bool
    comparisons: list[Difference]
    caveats: list[str]
    costs: list[str]

    @property
    def agrees(self) -> bool:
        return all(c.agrees for c in self.comparisons)


def verify(
    record: Record,
    tolerance: float = TOLERANCE,
    on_event: Callable[[WorkerProgress], None] = lambda event: None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> VerificationResult:
    """Train a record's job again, on its device and strategy, and compare every number.

    It is trained in a process of its own, with at most as many threads as there are cores here; a caveat tells of any
    difference.

    on_event: called with each event of the rerun.
    limits:   seconds and bytes of memory after which the rerun is ended; other limits are not used.

    Raises: RecordError for a record that cannot be repeated (see `check_repeatable`), or whose repetition does not
        complete; StoreError where no temporary file can be written.
    """
    check_repeatable(record)
    return compare(record, repeat(record, on_event, limits), tolerance)


def compare(record: Record, again: Record, tolerance: float = TOLERANCE) -> VerificationResult:
    """Compare two completed records of one job. Returns the largest difference of each kind of number.

    Losses and indicators must agree within `tolerance` (BFLOAT16 times as much for jobs with that precision),
    quantities that change in steps within `STEPWISE` times that, and values that the job determines (steps, parameters,
    preferences, the protocol) exactly.
    """
    if record.job.budget.precision != DEFAULT:
        tolerance *= BFLOAT16
    exact = [_exactly(name, *pair) for name, pair in _determined(record, again).items()]
    then, now = _measured(record), _measured(again)
    largest = max((abs(loss) for front in record.fronts.values() for row in front.losses for loss in row), default=0.0)
    measured = [
        _compared(name, then.get(name, []), now.get(name, []), tolerance, largest)
        for name in dict.fromkeys([*then, *now])
    ]
    agreeing = {difference.name for difference in measured if difference.agrees}
    measured = [
        replace(difference, difference=0.0) if _is_explained(difference, record, agreeing) else difference
        for difference in measured
    ]
    return VerificationResult(
        record.digest == again.digest, [*exact, *measured], _caveats(record, again), _costs(record, again)
    )


def _is_explained(difference: Difference, record: Record, agreeing: set[str]) -> bool:
    """Whether an indicator in `JUMPS` that differs is what the recorded losses give, and these losses agree."""
    name, _, split = difference.name.partition(", ")
    split, _, n_finite = split.partition("@")
    if difference.agrees or not name.startswith(JUMPS) or f"losses, {split}" not in agreeing:
        return False
    recorded = record.fronts[split]
    front = FrontValues(np.asarray(recorded.preferences), np.asarray(recorded.losses), {})
    if n_finite and len(front.losses) != int(n_finite):
        try:
            front = at_rays(front, job_rays(record.job, front.losses.shape[1]).finite)
        except PreferenceError:  # the record has no losses at the finite rays
            return False
    reference, ideal, nadir = (tuple(record.protocol[point]) for point in ("reference", "ideal", "nadir"))
    protocol = Protocol(record.protocol["version"], reference, ideal, nadir)
    value = indicators_of(front, protocol, None).get(name)
    return value is not None and math.isclose(value, difference.recorded, rel_tol=1e-6, abs_tol=1e-9)


def _determined(record: Record, again: Record) -> dict[str, tuple[Any, Any]]:
    """Return name -> (recorded, rerun) for the values that the job determines."""

    def of(r: Record) -> dict[str, Any]:
        cost = (
            r.cost.model_dump(include={"steps", "stored_parameters", "served_parameters", "n_models"}) if r.cost else {}
        )
        return {
            "protocol": r.protocol,
            "objectives": r.objectives,
            "preferences": {split: _rounded(f.preferences) for split, f in r.fronts.items()},
            "trace steps": [point.step for point in r.trace or ()],
            "samples": {split: f.n_samples for split, f in r.fronts.items()},
            **cost,
        }

    then, now = of(record), of(again)
    return {name: (then.get(name), now.get(name)) for name in dict.fromkeys([*then, *now])}


def _rounded(rows: Iterable[Iterable[float]]) -> list[list[float]]:
    return [[round(value, 6) for value in row] for row in rows]


def _exactly(name: str, then: Any, now: Any) -> Difference:
    """Compare two values exactly: the difference is 0 or infinite. Only integers are shown in the comparison."""
    number = isinstance(then, int) and isinstance(now, int)
    shown = (float(then), float(now)) if number else (math.nan, math.nan)
    return Difference(name, *shown, 0.0 if then == now else math.inf, 0.0)


def _measured(record: Record) -> dict[str, list[float | None]]:
    """Return kind -> all numbers of that kind in a record, in a fixed order."""
    kinds: dict[str, list[float | None]] = {}
    for split, front in record.fronts.items():
        kinds[f"losses, {split}"] = [value for row in front.losses for value in row]
        if front.metrics:
            kinds[f"metrics, {split}"] = _metrics(front)
    for split, values in record.indicators.items():
        kinds |= {f"{name}, {split}": [value] for name, value in values.items() if name != ERROR_ESTIMATE}
    if record.trace:
        kinds[TRACE] = [value for point in record.trace for value in (*point.train_losses, point.hypervolume)]
    return kinds


def _metrics(front: RecordedFront) -> list[float | None]:
    return [value for name in sorted(front.metrics) for value in front.metrics[name]]


def _compared(
    name: str, then: Sequence[float | None], now: Sequence[float | None], tolerance: float, largest_loss: float
) -> Difference:
    allowed = tolerance * (STEPWISE if name.startswith((*MOVES_IN_STEPS, TRACE)) else 1)
    if len(then) != len(now):
        return Difference(name, math.nan, math.nan, math.inf, allowed)
    size = max((abs(v) for v in (*then, *now) if v is not None), default=0.0)
    kind = name.partition(", ")[0]
    least = max(size / (10 if kind in ("losses", TRACE) else 1000), _least(kind, largest_loss))
    pairs = [(_difference(a, b, least), a, b) for a, b in zip(then, now, strict=True)]
    difference, a, b = max(pairs, key=lambda d: d[0], default=(0.0, 0.0, 0.0))
    return Difference(name, math.nan if a is None else a, math.nan if b is None else b, difference, allowed)


def _least(name: str, largest_loss: float) -> float:
    """Return the size below which differences of a quantity are absolute; 0 if only the quantity's own size counts.

    The distance of a converged front is a small difference of large losses: with losses of about 1 that agree to six
    digits on another processor, a distance of 1e-3 agrees to three.
    """
    if name in {"igd", "igd_plus", "gd", "gd_plus", "epsilon", "r2", "spacing"}:
        return largest_loss / 100
    return 1e-3 if name.startswith(("non_uniformity", "controllability")) else 0.0


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
    lines = [
        f"{quantity}: {before} then, {after} now"
        for quantity, before, after in (
            ("processor", then.processor, now.processor),
            ("threads", then.threads, now.threads),
            ("mobench", then.mobench, now.mobench),
            ("interface", record.job.interface, INTERFACE_VERSION),
            *((name, then.packages.get(name), now.packages.get(name)) for name in ("torch", "numpy")),
            *_versions(record),
            *_sources(then, now),
        )
        if before != after
    ]
    if then.strategy is None:
        lines.append("the record has no strategy: the default one was used")
    return lines


def _sources(then: Provenance, now: Provenance) -> list[tuple[str, str, str]]:
    """Return (label, recorded hash, current hash) for the code of mobench and of each part, if both are known."""
    both = [role for role in then.sources if role in now.sources]
    return [(f"code of {role}", then.sources[role].sha256[:12], now.sources[role].sha256[:12]) for role in both]


def _versions(record: Record) -> list[tuple[str, str, str]]:
    """Return (label, recorded version, installed version) for each part of the job."""
    from mobench.plugins import registry

    versions = []
    for role, part in record.job.registered_parts.items():
        try:
            installed = registry().get(role, part.name).version
        except MobenchError as error:
            installed = str(error)
        versions.append((f"{role} {part.name}", part.version, installed))
    return versions
