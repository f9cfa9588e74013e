"""What every executor provides: the protocol, the limits of a job, and how a worker ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mobench.errors import OptionError
from mobench.jobs import arguments
from mobench.runs.worker import Request

Tell = Callable[[dict[str, Any]], None]
MAX_BYTES = 2**63 - 1


@dataclass(frozen=True)
class Exit:
    """How a worker ended.

    status: of the record, which is then in the request's store; None: there is none.
    kind, message, details: then why, and its last words. "Stopped" is no failure: the job is left as it
        is. "Declined" is none either: a part of the job refuses the others, with the reason as message.
        "StoreError" ends the whole run. Anything else fails the job.
    """

    status: str | None
    message: str = ""
    details: str = ""
    kind: str = "ProcessDied"


class Executor(Protocol):
    """Runs one request and waits for it; `slots` requests may be under way at once.

    threads: of each job.
    """

    slots: int

    @property
    def threads(self) -> int: ...

    def run(self, request: Request, tell: Tell) -> Exit:
        """Run a job elsewhere, and leave its record in the request's store. Progress goes to `tell`.

        Called from several threads at once. It raises nothing that a job is to blame for.
        """

    def stop(self) -> None:
        """End everything that is under way; returns when it has ended.

        On another KeyboardInterrupt meanwhile it ends everything the hard way, and the interrupt goes on.
        """


@dataclass(frozen=True)
class Limits:
    """What people say of where jobs run; None: left to the executor.

    jobs:    at once.
    cpus:    of each job; its number of threads.
    gpus:    of each job; a fraction shares one.
    memory:  bytes of each job.
    timeout: seconds of each job.
    retries: how often a job is begun again whose machine was lost.
    address: of a cluster, as the executor understands it.
    """

    jobs: int | None = None
    cpus: int | None = None
    gpus: float | None = None
    memory: int | None = None
    timeout: float | None = None
    retries: int = 3
    address: str | None = None

    def __post_init__(self) -> None:
        """Raise OptionError for a limit that no executor could hold."""
        for name in ("jobs", "cpus", "memory"):
            if (value := getattr(self, name)) is not None:
                arguments.count(value, f"--{name}", MAX_BYTES if name == "memory" else arguments.MAX_COUNT)
        for name in ("gpus", "timeout"):
            if (value := getattr(self, name)) is not None:
                arguments.quantity(value, f"--{name}")


def refuse(name: str, limits: Limits, *unused: str) -> None:
    """Raise OptionError where a limit was given that the executor has no use for."""
    for limit in unused:
        if getattr(limits, limit) is not None:
            raise OptionError(f"--{limit} means nothing to --executor {name}: leave it out")
