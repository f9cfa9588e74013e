"""One trial: runs the jobs of a set of options and computes their value on the validation split."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError
from mobench.events import JobEnded, JobEvent, TrainingProgress
from mobench.jobs.job import Job
from mobench.jobs.plan import Plan, combination_of
from mobench.jobs.suite import Search, Suite
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.runs import runner
from mobench.runs.executors.local import LocalExecutor
from mobench.runs.run_options import RunOptions
from mobench.runs.runner import Listen
from mobench.search.proposals import proposed

if TYPE_CHECKING:
    import optuna

HYPERVOLUME = "hypervolume"


class NoValue(Exception):
    """Raised for a trial whose jobs failed, diverged, or have no value of the metric."""


class Pruned(Exception):
    """Raised during training to stop a trial that is worse than the others."""


@dataclass
class Bench:
    """Runs the jobs of trials, several at once, and can stop all of them.

    options: of the jobs. A failed job is not retried, because its trial has failed.
    slots: number of concurrent trials; they share the cores of the processor.
    listen: called with every event of every job.
    """

    store: Store
    options: RunOptions
    slots: int
    listen: Listen
    _running: list[LocalExecutor] = field(default_factory=list, repr=False)
    _stopped: bool = field(default=False, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self, plan: Plan, listen: Listen) -> None:
        """Run the jobs of a plan. Raises: Stopped, and any exception of `listen`, which ends the jobs."""
        # each call has its own executor, because an executor that was stopped cannot start again
        executor = LocalExecutor(self.slots)
        with self._guard:
            if self._stopped:
                raise runner.Stopped
            self._running.append(executor)
        try:
            runner.run(plan, self.store, executor, replace(self.options, retry=False), listen=listen)
        finally:
            with self._guard:
                self._running.remove(executor)

    @property
    def is_stopped(self) -> bool:
        return self._stopped

    def stop(self) -> None:
        """Stop all running jobs, and start no new ones."""
        with self._guard:
            self._stopped = True
            running = list(self._running)
        for executor in running:
            executor.stop()


@dataclass
class TrialObjective:
    """The Optuna objective: the value of a trial. suite: a suite with a single combination."""

    suite: Suite
    search: Search
    bench: Bench

    def __call__(self, trial: optuna.Trial) -> float:
        """Run a trial and return the mean value of its jobs. Raises: NoValue, Pruned, Stopped."""
        plan = plan_of(self.suite, proposed(trial, self.search.space))
        trial.set_user_attr("jobs", [job.id for job in plan.jobs])
        values: list[float] = []
        for number, job in enumerate(plan.jobs):
            listen = self._pruning(trial) if self.search.prune and number == 0 else self.bench.listen
            try:
                self.bench.run(Plan(self.suite.name, [job]), listen)
            except Pruned:
                self.bench.store.forget_training(job)
                self.bench.listen(job, JobEnded("pruned", "worse than the other trials"))
                raise
            values.append(self._value(job))
        return sum(values) / len(values)

    def _value(self, job: Job) -> float:
        record = self.bench.store.read(job)
        if record is None or record.status != "completed":
            why = record.failure.message if record is not None and record.failure is not None else "no record"
            raise NoValue(why)
        return value_on_validation(record, self.search.metric, direction(job, self.search.metric))

    def _pruning(self, trial: optuna.Trial) -> Listen:
        """Return a listener that forwards events, and reports the hypervolume of each validation check to Optuna."""
        seen: set[int] = set()

        def hear(job: Job, event: JobEvent) -> None:
            self.bench.listen(job, event)
            if not isinstance(event, TrainingProgress) or event.hypervolume is None:
                return
            # validation checks at equal fractions of the budget are compared, for any length of the budget
            share = math.floor(10 * event.fraction + 1e-9)
            if share in seen or share == 0:
                return
            seen.add(share)
            trial.report(event.hypervolume, share)
            if share < 10 and trial.should_prune():
                raise Pruned

        return hear


def value_on_validation(record: Record, metric: str, higher_is_better: bool = True) -> float:
    """Return the value by which records are selected; larger is better. The test split is not used.

    metric: "hypervolume" or the name of a metric. The value of a metric is its mean over the objectives that have it,
        at the preference where this mean is best; it is negated if lower values are better.

    Raises: NoValue where the metric is missing at every preference.
    """
    if metric == HYPERVOLUME:
        return float(record.indicators["val"][HYPERVOLUME] or 0.0)
    columns = [values for name, values in record.fronts["val"].metrics.items() if name.split("/")[1] == metric]
    rows = [[value for value in row if value is not None] for row in zip(*columns, strict=True)]
    means = [sum(row) / len(row) for row in rows if len(row) == len(columns)]
    if not means:
        raise NoValue(f"{metric} is not a finite number at any preference of the validation split")
    return float(max(means) if higher_is_better else -min(means))


def direction(job: Job, metric: str) -> bool:
    """Return whether higher values of a metric are better. Raises: OptionError for a metric unknown to the dataset."""
    from mobench.jobs.resolve import make_dataset

    higher_is_better = {m.name: m.higher_is_better for o in make_dataset(job.dataset).objectives for m in o.metrics}
    if metric != HYPERVOLUME and metric not in higher_is_better:
        raise OptionError(f"metric {metric!r}: accepted are {', '.join([HYPERVOLUME, *higher_is_better])}")
    return higher_is_better.get(metric, True)


def plan_of(suite: Suite, settings: Mapping[str, Any]) -> Plan:
    """Return the jobs of one set of options, one per seed."""
    (entry,) = suite.entries
    combination = combination_of(suite, entry, entry.datasets[0], entry.models[0], entry.solvers[0], settings)
    if suite.search is not None:
        direction(combination.jobs[0], suite.search.metric)
    return Plan(suite.name, list(combination.jobs), combinations=[combination])
