"""Executors by name: each is a module of this package with a function `make`, and nothing else lists them."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import dataclass
from typing import Any

from mobench.errors import OptionError, unknown_name
from mobench.runs.executor import Executor


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


def names() -> list[str]:
    """The executors that come with mobench, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def make(name: str, limits: Limits) -> Executor:
    """The executor of that name, or of a module of anybody's: "package.module", with a function `make(limits)`.

    Raises: UnknownNameError; OptionError where it has no use for a limit, or where a package that it
        needs is not installed.
    """
    known = name in names()
    if not known and "." not in name:
        raise unknown_name("executor", name, names())
    try:
        module: Any = importlib.import_module(f"{__name__}.{name}" if known else name)
        made: Executor = module.make(limits)
    except ImportError as error:
        hint = f"pip install 'mobench[{name}]'" if known else "name a module that can be imported"
        raise OptionError(f"--executor {name} cannot be used: {error}; {hint}") from error
    return made


def refuse(name: str, limits: Limits, *unused: str) -> None:
    """Raise OptionError where a limit was given that the executor has no use for."""
    for limit in unused:
        if getattr(limits, limit) is not None:
            raise OptionError(f"--{limit} means nothing to --executor {name}: leave it out")
