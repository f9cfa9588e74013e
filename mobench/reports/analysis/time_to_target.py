"""Time to target: the training time after which the validation hypervolume of a run reaches a target of its task."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mobench.records.record import Record
from mobench.reports.analysis.row_labels import labels_of


@dataclass(frozen=True)
class TargetTimes:
    """Times of the runs of one solver on tasks with a target.

    n_runs:    number of runs.
    n_reached: runs that reached the target.
    median_seconds: median over all runs; infinite if half of them or more did not reach it.
    """

    n_runs: int
    n_reached: int
    median_seconds: float


def time_to_target(record: Record, target: float) -> float:
    """Return the core-seconds of training at the first validation check with at least the target; inf without one.

    It is seconds where a check has no processor time. Time is only measured at checks, so it is an upper bound.
    """
    for check in record.trace:
        if check.hypervolume is not None and check.hypervolume >= target:
            return check.seconds if check.core_seconds is None else check.core_seconds
    return math.inf


def times_to_target(records: Sequence[Record], targets: Mapping[str, float]) -> dict[str, TargetTimes]:
    """Return solver -> times over the tasks that have a target.

    records: imported records have no training and are ignored. Runs that did not complete count with their checks.
    targets: dataset -> validation hypervolume.
    """
    trained = [r for r in records if r.imported is None]
    labels = labels_of(trained)
    times: dict[str, list[float]] = {}
    for record in trained:
        if (target := targets.get(record.job.dataset.name)) is not None:
            times.setdefault(labels[record.id], []).append(time_to_target(record, target))
    return {
        solver: TargetTimes(len(values), sum(map(math.isfinite, values)), median(sorted(values)))
        for solver, values in times.items()
    }
