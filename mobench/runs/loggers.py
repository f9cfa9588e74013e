"""Loggers of a run: chosen by name or object, called in threads of their own, switched off after an error."""

from __future__ import annotations

import contextvars
import math
import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.util import find_spec
from operator import methodcaller
from typing import Any, TypeAlias

from mobench import options
from mobench.errors import MobenchError, OptionError
from mobench.events import JobEnded, JobEvent, JobStarted, TrainingProgress
from mobench.interfaces import LoggedJob, LoggedRun, Logger
from mobench.jobs import arguments
from mobench.jobs.job import Job, Part
from mobench.jobs.resolve import every_option, make_dataset
from mobench.plugins import Spec, registry
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.text import described, one_line

CLOSE_SECONDS = 60.0
"""Time that a logger has at the end of a run to write the events that it has not written yet."""
MAX_PENDING = 1000
"""Progress events are omitted while a logger has this many calls to make."""

Chosen: TypeAlias = str | Logger | Sequence[str | Logger]
"""Loggers as users choose them: names with commas in between, objects, or a list of these."""
Call: TypeAlias = Callable[[Logger], object]
Logged: TypeAlias = JobStarted | TrainingProgress | JobEnded
"""Events that loggers receive."""


@dataclass
class LoggerThread:
    """Calls one logger in a thread of its own, until it raises an exception.

    on_failure: called once, from that thread or from `close`, with the reason why the logger was switched off.
    """

    name: str
    logger: Logger
    on_failure: Callable[[str], None]
    _calls: queue.SimpleQueue[Call | None] = field(default_factory=queue.SimpleQueue, init=False)
    _is_off: threading.Event = field(default_factory=threading.Event, init=False)

    def __post_init__(self) -> None:
        # in the context of the run, so that `on_failure` can use its output mode
        work = contextvars.copy_context().run, self._work
        self._thread = threading.Thread(target=work[0], args=work[1:], name=f"logger {self.name}", daemon=True)
        self._thread.start()

    @property
    def is_busy(self) -> bool:
        """Whether so many calls are pending that progress should be omitted."""
        return self._calls.qsize() >= MAX_PENDING

    def call(self, function: Call) -> None:
        """Have the thread call the function with the logger."""
        self._calls.put(function)

    def close(self, seconds: float) -> None:
        """Close the logger after all pending calls, and wait for it."""
        self.call(methodcaller("close"))
        self._calls.put(None)
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.switch_off(f"it did not write everything within {seconds:g} seconds after the last job")

    def switch_off(self, reason: str) -> None:
        """Call the logger no more; report the reason, unless it is off already."""
        if not self._is_off.is_set():
            self._is_off.set()
            self.on_failure(
                f"logger {self.name!r} is switched off for this run: {one_line(reason, 500)} (jobs and records are not "
                "affected)"
            )

    def _work(self) -> None:
        while (function := self._calls.get()) is not None:
            if self._is_off.is_set():
                continue
            try:
                function(self.logger)
            except BaseException as error:  # whatever a library raises in its thread, the jobs are not affected
                self.switch_off(described(error))


@dataclass(frozen=True)
class Loggers:
    """The loggers of one run by name, before it starts.

    close_seconds: time that each logger has to write pending events at the end of the run.
    """

    by_name: Mapping[str, Logger] = field(default_factory=dict)
    close_seconds: float = field(default_factory=lambda: CLOSE_SECONDS)

    @contextmanager
    def opened(self, run: LoggedRun, on_failure: Callable[[str], None]) -> Iterator[OpenLoggers]:
        """Open the loggers for the block, and close them at its end.

        on_failure: called from other threads with a message for each logger that is switched off.
        """
        threads = [LoggerThread(name, logger, on_failure) for name, logger in self.by_name.items()]
        for thread in threads:
            thread.call(methodcaller("open", run))
        try:
            yield OpenLoggers(threads)
        finally:
            for thread in threads:
                thread.close(self.close_seconds)


@dataclass(frozen=True)
class OpenLoggers:
    """The loggers of a run while it takes place."""

    threads: Sequence[LoggerThread]

    def hear(self, job: LoggedJob, event: JobEvent, results: Mapping[str, float] | None = None) -> None:
        """Pass an event to the loggers. results: values of the job's record, with its last event."""
        for thread in self.threads:
            match event:
                case JobStarted():
                    thread.call(methodcaller("start", job))
                case TrainingProgress() if event.is_validation_check or not thread.is_busy:
                    thread.call(methodcaller("progress", job, event))
                case JobEnded():
                    thread.call(methodcaller("end", job, event, results or {}))

    def listener(self, store: Store) -> Callable[[Job, JobEvent], None]:
        """Return a listener for a run whose records are written to a store."""
        logged_jobs: dict[str, LoggedJob] = {}

        def listen(job: Job, event: JobEvent) -> None:
            if not self.threads or not isinstance(event, Logged):
                return
            try:
                if job.id not in logged_jobs:
                    logged_jobs[job.id] = logged_job(job)
                record = store.read(job) if isinstance(event, JobEnded) else None
            except Exception as error:  # of a plugin; the jobs are not affected
                for thread in self.threads:
                    thread.switch_off(described(error))
                return
            self.hear(logged_jobs[job.id], event, results_of(record) if record is not None else None)

        return listen


def choose(chosen: Chosen, settings: Mapping[str, Any] | None = None, argument: str = "logger") -> Loggers:
    """Return the loggers for names or objects.

    settings: "name.option" -> value for the named loggers, such as {"mlflow.experiment": "my-runs"}.
    argument: name of the argument in error messages.

    Raises: UnknownNameError, PluginError for a name; OptionError for a setting of another logger or of no option, for
        a logger that is named twice, and where a package of a logger is not installed.
    """
    items = [chosen] if isinstance(chosen, str | Logger) else list(chosen)
    names_or_objects: list[str | Logger] = []
    for item in items:
        names_or_objects += arguments.parse_names(item, argument) if isinstance(item, str) else [item]
    by_name: dict[str, Logger] = {}
    settings_by_name = _by_logger(
        arguments.settings(settings, f"{argument}_settings"),
        [name for name in names_or_objects if isinstance(name, str)],
    )
    for item in names_or_objects:
        name = item if isinstance(item, str) else type(item).__name__
        if name in by_name:
            raise OptionError(f"{argument} was given {arguments.shown(name)} twice: give each logger once")
        logger = _made(name, settings_by_name.get(name, {})) if isinstance(item, str) else item
        if not isinstance(logger, Logger):
            raise OptionError(
                f"{argument} was given {arguments.shown(item)}: pass a name of `mobench list loggers` or a Logger"
            )
        _check_packages(name, logger)
        by_name[name] = logger
    return Loggers(by_name)


def logged_job(job: Job, objectives: Sequence[str] | None = None) -> LoggedJob:
    """Return what loggers see of a job. objectives: their names; None: those of the registered dataset."""
    budget = job.budget.model_dump(exclude_none=True)
    return LoggedJob(
        id=job.id,
        title=job.title,
        dataset=job.dataset.name,
        model=job.model.name,
        solver=job.solver.name,
        seed=job.seeds.solver,
        objectives=_objectives(job.dataset.model_dump_json()) if objectives is None else tuple(objectives),
        options={
            **_options_of_parts(job),
            **{f"budget.{name}": value for name, value in budget.items()},
            **{f"seeds.{name}": value for name, value in job.seeds.model_dump().items()},
        },
    )


def results_of(record: Record) -> dict[str, float]:
    """Return the indicators and costs of a record: "SPLIT/INDICATOR" and "cost/NAME"; undefined values are omitted."""
    values: dict[str, float | None] = {
        f"{split}/{name}": value
        for split, indicators in record.indicators.items()
        for name, value in indicators.items()
    }
    if record.cost is not None:
        values |= {f"cost/{name}": value for name, value in record.cost.model_dump().items()}
    return {name: float(value) for name, value in values.items() if value is not None and math.isfinite(value)}


def _options_of_parts(job: Job) -> dict[str, Any]:
    try:
        return every_option(job)
    except MobenchError:  # a part is an object without a registered class: the job states all its options
        return {f"{role}.{name}": value for role, part in job.parts.items() for name, value in part.options.items()}


@lru_cache(maxsize=64)
def _objectives(dataset: str) -> tuple[str, ...]:
    """Return the names of the objectives of a dataset part as JSON."""
    return tuple(objective.name for objective in make_dataset(Part.model_validate_json(dataset)).objectives)


def _by_logger(settings: Mapping[str, Any], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return logger name -> option -> value. Raises: OptionError for a setting of a logger that is not chosen."""
    by_name: dict[str, dict[str, Any]] = {}
    for key, value in settings.items():
        name, dot, option = key.rpartition(".")
        if name not in names or not dot:
            accepted = " or ".join(f"{n}.OPTION" for n in names) or "nothing, because no logger is named"
            raise OptionError(
                f"the logger setting {arguments.shown(key)} belongs to no logger of the run: pass {accepted}"
            )
        by_name.setdefault(name, {})[option] = value
    return by_name


def _made(name: str, settings: Mapping[str, Any]) -> Any:
    """Create a registered logger."""
    entry = registry().get("logger", name)
    defaults = entry.spec.defaults if isinstance(entry.spec, Spec) else {}
    return options.build(entry.load(), {**defaults, **settings}, f"logger {name!r}")


def _check_packages(name: str, logger: Logger) -> None:
    """Raise OptionError if a package of the logger is not installed."""
    for package, command in logger.packages.items():
        if find_spec(package) is None:
            raise OptionError(f"logger {name!r} needs the package {package!r}, which is not installed: {command}")
