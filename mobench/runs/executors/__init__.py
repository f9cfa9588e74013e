"""Executors by name. Every module of this package except `SHARED` is one, with a function `make(limits)`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

from mobench.errors import OptionError, unknown_name
from mobench.runs.executors.base import Executor, Limits

__all__ = ["Executor", "Limits", "make", "names"]

SHARED = {"base", "limits", "remote"}
"""Modules that executors share."""
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
"""A module inside a package."""


def names() -> list[str]:
    """The executors that come with mobench, sorted."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - SHARED)


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
