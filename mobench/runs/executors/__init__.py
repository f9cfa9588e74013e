"""Executors by name. Every module of this package except `SHARED` is an executor with a function `make(limits)`."""

from __future__ import annotations

import importlib
import pkgutil
import re
from typing import Any

from mobench.errors import OptionError, unknown_name
from mobench.runs.executors.base import Executor, Limits

__all__ = ["Executor", "Limits", "make", "names"]

SHARED = {"base", "limits", "remote"}
"""Modules that are not executors; executors share them."""
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)+")
"""Dotted name of a module inside a package."""


def names() -> list[str]:
    """Return the names of the executors that come with mobench, sorted."""
    return sorted({module.name for module in pkgutil.iter_modules(__path__)} - SHARED)


def make(name: str, limits: Limits) -> Executor:
    """Create an executor by name.

    name: of an executor of mobench, or of any module ("package.module") that has a function `make(limits)`.

    Raises: UnknownNameError for an unknown name; OptionError if the executor does not support a limit, or if a
        package that it needs is not installed.
    """
    is_builtin = name in names()
    if not is_builtin and not MODULE.fullmatch(name):
        raise unknown_name("executor", name, names())
    try:
        module: Any = importlib.import_module(f"{__name__}.{name}" if is_builtin else name)
    except ImportError as error:
        hint = f"pip install 'mobench[{name}]'" if is_builtin else "name a module that can be imported"
        raise OptionError(f"--executor {name} cannot be used: {error}; {hint}") from error
    if not callable(getattr(module, "make", None)):
        raise OptionError(f"--executor {name} cannot be used: the module has no function make(limits)")
    executor: Executor = module.make(limits)
    return executor
