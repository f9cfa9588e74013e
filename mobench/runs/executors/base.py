"""Interface of executors: the protocol, the limits of a job, and the exit of a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from mobench.errors import OptionError
from mobench.events import NodeLost
from mobench.jobs import arguments
from mobench.records.record import Status
from mobench.runs.exit_kinds import ExitKind
from mobench.runs.request import Request
from mobench.runs.worker_events import WorkerProgress

Tell: TypeAlias = Callable[[WorkerProgress | NodeLost], None]
"""Receives the events that an executor reports while a job runs."""
MAX_BYTES = 2**63 - 1


@dataclass(frozen=True)
class Exit:
    """How a worker ended.

    status:  status of the record, which is then in the request's store. None if there is no record.
    kind:    why there is no record.
    message: the reason, in one sentence.
    details: the last lines that the worker wrote to standard error.
    """

    status: Status | None
    message: str = ""
    details: str = ""
    kind: ExitKind = ExitKind.PROCESS_DIED


class Executor(Protocol):
    """Runs requests, up to `slots` of them at once.

    threads: number of threads of each job.
    """

    slots: int

    @property
    def threads(self) -> int: ...

    def run(self, request: Request, tell: Tell) -> Exit:
        """Run a job in another process, wait for it, and leave its record in the request's store.

        Progress events are passed to `tell`. The method is called from several threads at once. It does not raise
        errors that the job causes; they are in the returned `Exit`.
        """

    def stop(self) -> None:
        """Stop all running jobs, and return when they have ended.

        A second KeyboardInterrupt during the call kills the jobs and is raised again.
        """


@dataclass(frozen=True)
class Limits:
    """User-supplied limits of an executor and its jobs. None leaves the value to the executor.

    jobs:    number of jobs at once.
    cpus:    CPUs of each job, which is also its number of threads.
    gpus:    GPUs of each job; jobs with a fraction share a GPU.
    memory:  bytes of memory of each job.
    timeout: seconds of each job.
    retries: how often a job is restarted after its machine was lost.
    address: address of a cluster, in the executor's own format.
    """

    jobs: int | None = None
    cpus: int | None = None
    gpus: float | None = None
    memory: int | None = None
    timeout: float | None = None
    retries: int = 3
    address: str | None = None

    def __post_init__(self) -> None:
        """Raise OptionError for a limit that is out of range for every executor."""
        check_limits(vars(self), "--")


def check_limits(limits: Mapping[str, Any], prefix: str = "") -> None:
    """Raise OptionError for a limit that is out of range for every executor. prefix: of the names in the message."""
    for name in ("jobs", "cpus", "memory"):
        if (value := limits.get(name)) is not None:
            arguments.count(value, f"{prefix}{name}", MAX_BYTES if name == "memory" else arguments.MAX_COUNT)
    for name in ("gpus", "timeout"):
        if (value := limits.get(name)) is not None:
            arguments.quantity(value, f"{prefix}{name}")


def refuse(name: str, limits: Limits, *unused: str) -> None:
    """Raise OptionError if one of the limits named in `unused` is set, because the executor does not support it."""
    for limit in unused:
        if getattr(limits, limit) is not None:
            raise OptionError(f"--{limit} has no effect with --executor {name}: leave it out")
