"""Executors by name: each is a module of this package with a function `make`, and nothing else lists them."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import dataclass
from typing import Any

from mobench.errors import OptionError, unknown_name
from mobench.jobs import arguments
from mobench.runs.executors.local import Executor

MAX_BYTES = 2**63 - 1
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
"""A module inside a package."""


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


def names() -> list[str]:
    """The executors that come with mobench, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def make(name: str, limits: Limits) -> Executor:
    """The executor of that name, or of a module of anybody's: "package.module", with a function `make(limits)`.

    Raises: UnknownNameError; OptionError where it has no use for a limit, or where a package that it
        needs is not installed.
    """
    known = name in names()
    if not known and not MODULE.fullmatch(name):
        raise unknown_name("executor", name, names())
    try:
        module: Any = importlib.import_module(f"{__name__}.{name}" if known else name)
    except ImportError as error:
        hint = f"pip install 'mobench[{name}]'" if known else "name a module that can be imported"
        raise OptionError(f"--executor {name} cannot be used: {error}; {hint}") from error
    if not callable(getattr(module, "make", None)):
        raise OptionError(f"--executor {name} cannot be used: the module has no function make(limits)")
    made: Executor = module.make(limits)
    return made


def refuse(name: str, limits: Limits, *unused: str) -> None:
    """Raise OptionError where a limit was given that the executor has no use for."""
    for limit in unused:
        if getattr(limits, limit) is not None:
            raise OptionError(f"--{limit} means nothing to --executor {name}: leave it out")
