"""Logger interface: receives what happens to the jobs of a run and writes it to a program for experiments."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from mobench.events import JobEnded, TrainingProgress


@dataclass(frozen=True)
class LoggedRun:
    """Information that a logger receives once, before the first job of a run.

    name:   name of the suite, or of the solver and the dataset for a single fit.
    folder: folder of the records. A logger that writes files puts them below it, in a folder of its own name.
    """

    name: str
    folder: Path


@dataclass(frozen=True)
class LoggedJob:
    """A job as loggers see it.

    id:         id of the job; equal jobs have equal ids.
    title:      short title for people.
    dataset, model, solver: registered names.
    seed:       seed of the solver.
    objectives: names of the objectives, in the order of `TrainingProgress.losses`.
    options:    every option of the job with the prefix of its part, such as "solver.lr", "budget.epochs" and
        "seeds.data"; values are plain JSON.
    """

    id: str
    title: str
    dataset: str
    model: str
    solver: str
    seed: int
    objectives: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def training_values(self, event: TrainingProgress) -> dict[str, float]:
        """Return the values of an event by the names that the built-in loggers use.

        "loss/OBJECTIVE" is the running mean of a training loss. "check/hypervolume" is there only for a validation
        check, so that each check is logged once.
        """
        values = {f"loss/{name}": loss for name, loss in zip(self.objectives, event.losses, strict=False)}
        if event.is_validation_check and event.hypervolume is not None:
            values["check/hypervolume"] = event.hypervolume
        return values


class Logger(ABC):
    """Writes what happens to the jobs of a run to a program for experiments.

    A logger plugin is a dataclass (`@dataclass(eq=False)`); its fields are its options. One object serves one run.
    All methods are called in one thread of their own, so a slow logger does not delay training; the events of jobs
    that run at once alternate. A logger never changes a result: if a method raises an exception, mobench reports it
    once as a warning and calls the logger no more. Loggers are no part of a job's identity.

    packages: modules that the logger imports, each with the command that installs it, such as
        {"tracker": "pip install 'my-plugin[tracker]'"}. A missing one is an error before any job runs. Import them in
        methods, not at the top of the module, so that the logger can be listed without them.
    """

    packages: ClassVar[Mapping[str, str]] = {}

    @abstractmethod
    def open(self, run: LoggedRun) -> None:
        """Prepare for a run; called once, before every other method."""

    @abstractmethod
    def start(self, job: LoggedJob) -> None:
        """Log the start of a job, with its options. Jobs that have a record already do not start."""

    @abstractmethod
    def progress(self, job: LoggedJob, event: TrainingProgress) -> None:
        """Log the progress of the training of a job: losses, and the hypervolume of a validation check.

        Events may be missing if the logger is slower than the training.
        """

    @abstractmethod
    def end(self, job: LoggedJob, event: JobEnded, results: Mapping[str, float]) -> None:
        """Log the end of a job, whatever its status is.

        event:   with the status ("completed", "diverged", "failed", "declined" or "pruned") and its reason.
        results: indicators and costs of the record, such as "test/hypervolume" and "cost/training_seconds"; {} if
            the job has no result.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish writing; called once, after the last job. Jobs that have not ended were interrupted."""
