"""Registered plugins and names: a plugin with its state, and a name with its spec and its plugin."""

from __future__ import annotations

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from typing import Any, Literal

from mobench.errors import PluginError
from mobench.global_state import restored
from mobench.hookspecs import Pair, Spec, SuiteFile
from mobench.text import described

Kind = Literal["dataset", "model", "generator", "balancer", "sampler", "solver", "logger", "suite"]
KINDS: tuple[Kind, ...] = ("dataset", "model", "generator", "balancer", "sampler", "solver", "logger", "suite")
AnySpec = Spec | Pair | SuiteFile


@dataclass
class Plugin:
    """An entry point and the state of its plugin.

    state: "ok"; "broken", with `error` and `details`; or "blocked" by MOBENCH_BLOCK.
    module: the module that the entry point names.
    side_effects: a message for each part of the global state that the import changed; all changes are reverted.
    """

    name: str
    distribution: str
    version: str
    state: Literal["ok", "broken", "blocked"] = "ok"
    error: str = ""
    details: str = ""
    module: str = ""
    side_effects: list[str] = field(default_factory=list, init=False)

    @property
    def origin(self) -> str:
        return f"{self.distribution} {self.version} (plugin {self.name!r})"

    def breaks(self, error: BaseException | str) -> None:
        """Mark the plugin as broken and store the error and its traceback."""
        self.state = "broken"
        if isinstance(error, BaseException):
            self.error = described(error)
            self.details = "".join(traceback.format_exception(error))
        else:
            self.error = error


@dataclass(frozen=True)
class Entry:
    """A registered name with its spec and its plugin."""

    kind: Kind
    spec: AnySpec
    plugin: Plugin

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def version(self) -> str:
        """Version of the method in a job's identity."""
        return getattr(self.spec, "version", "") or f"{self.plugin.distribution} {self.plugin.version}"

    def load(self) -> type[Any]:
        """Import and return the class that a Spec names.

        Raises: PluginError, with the cause, if it cannot be imported.
        """
        if not isinstance(self.spec, Spec):
            raise PluginError(f"{self.kind} {self.name!r} has no class: it is a pair or a suite")
        module, _, attribute = self.spec.target.partition(":")
        try:
            cls = getattr(imported(module, self.plugin), attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.plugin.origin} cannot be loaded from "
                f"{self.spec.target!r}: {described(error)}"
            ) from error
        if not isinstance(cls, type):
            raise PluginError(f"{self.spec.target!r} of {self.plugin.origin} is not a class")
        return cls


IN_PROCESS = "in process"
"""Distribution of names that `mobench.register` registered in a process, and the beginning of their version."""


@dataclass(frozen=True)
class InProcessEntry(Entry):
    """A name that `mobench.register` registered in this process.

    cls: the class; None for a pair.
    sha256: hash of the source.
    """

    cls: type[Any] | None = None
    sha256: str = ""

    def load(self) -> type[Any]:
        """Return the class. Raises: PluginError for a pair."""
        return super().load() if self.cls is None else self.cls


def imported(name: str, plugin: Plugin) -> Any:
    """Return a plugin's module; changes of its first import to the global state are reverted and reported."""
    if name in sys.modules:
        return sys.modules[name]
    with restored(top_package(plugin.module), top_package(name)) as changed:
        module = importlib.import_module(name)
    plugin.side_effects += changed
    return module


def top_package(module: str) -> str:
    """Return the top-level package of a module."""
    return module.partition(".")[0]
