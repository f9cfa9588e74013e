"""The registry: loads plugins one by one, and keeps count of what is broken and why."""

from __future__ import annotations

import importlib
import os
import re
import sys
import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import pluggy

from mobench.errors import PluginError, unknown_name
from mobench.global_state import restored
from mobench.hookspecs import INTERFACE_VERSION, DataFile, Hooks, Pair, Spec, SuiteFile, hookimpl
from mobench.text import described, one_line

__all__ = [
    "INTERFACE_VERSION",
    "DataFile",
    "Entry",
    "Pair",
    "Plugin",
    "Registry",
    "Spec",
    "SuiteFile",
    "hookimpl",
    "registry",
]

GROUP = "mobench"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")
Kind = Literal["dataset", "model", "generator", "balancer", "solver", "suite"]
KINDS: tuple[Kind, ...] = ("dataset", "model", "generator", "balancer", "solver", "suite")
AnySpec = Spec | Pair | SuiteFile


@dataclass
class Plugin:
    """An entry point and what became of it.

    state: "ok"; "broken", with `error` and `details`; or "blocked" by MOBENCH_BLOCK.
    module: what the entry point names.
    side_effects: a phrase for each piece of global state that importing it changed. All of it was restored.
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
        """Note that it is broken, and keep the traceback for who asks for it."""
        self.state = "broken"
        if isinstance(error, BaseException):
            self.error = described(error)
            self.details = "".join(traceback.format_exception(error))
        else:
            self.error = error


@dataclass(frozen=True)
class Entry:
    """A registered name: its spec, and the plugin it comes from."""

    kind: Kind
    spec: AnySpec
    plugin: Plugin

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def version(self) -> str:
        """What a job's identity says of this method's version."""
        return getattr(self.spec, "version", "") or f"{self.plugin.distribution} {self.plugin.version}"

    def load(self) -> type[Any]:
        """The class that a Spec names.

        Raises: PluginError, with the cause, when it cannot be imported.
        """
        if not isinstance(self.spec, Spec):
            raise PluginError(f"{self.kind} {self.name!r} names no class of its own")
        module, _, attribute = self.spec.target.partition(":")
        try:
            found = getattr(_imported(module, self.plugin), attribute)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(
                f"{self.kind} {self.name!r} of {self.plugin.origin} cannot be loaded from "
                f"{self.spec.target!r}: {described(error)}"
            ) from error
        if not isinstance(found, type):
            raise PluginError(f"{self.spec.target!r} of {self.plugin.origin} is not a class")
        return found


@dataclass
class Registry:
    """All plugins and all names. `Registry.discover()` reads the installed entry points."""

    plugins: list[Plugin] = field(default_factory=list)
    entries: dict[Kind, dict[str, Entry]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    conflicts: dict[Kind, dict[str, list[Plugin]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    data_files: list[DataFile] = field(default_factory=list)
    _pending: list[tuple[Plugin, metadata.EntryPoint]] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def discover(cls) -> Registry:
        """The registry of everything installed. A broken plugin is noted and harms no other."""
        found = cls()
        found._pending = found._installed()
        found._load()
        return found

    def _load(self, is_wanted: Callable[[Plugin], bool] = lambda plugin: True) -> None:
        """Load the plugins that are wanted and not yet loaded; the rest stays for later."""
        blocked = {name for name in os.environ.get("MOBENCH_BLOCK", "").split(",") if name}
        pending = self._pending
        self._pending = [(plugin, point) for plugin, point in pending if not is_wanted(plugin)]
        for plugin, point in pending:
            if not is_wanted(plugin):
                continue
            if point.name in blocked:
                plugin.state, plugin.error = "blocked", "named in MOBENCH_BLOCK"
                self.plugins.append(plugin)
                continue
            with restored(_top(plugin.module)) as changed:
                try:
                    module = point.load()
                except KeyboardInterrupt:
                    raise
                except BaseException as error:  # a panic of an extension in Rust and pytest's skip are no Exception
                    plugin.breaks(error)
                    self.plugins.append(plugin)
                else:
                    self.add(plugin, module)
            plugin.side_effects += changed

    def _installed(self) -> list[tuple[Plugin, metadata.EntryPoint]]:
        """The entry points in a fixed order, each with a plugin of which nothing is known yet."""
        points = [(*_home(point.dist), point) for point in self._entry_points()]
        return [
            (Plugin(point.name, distribution, version, module=point.value.partition(":")[0]), point)
            for distribution, version, point in sorted(points, key=lambda each: (each[0], each[2].name))
        ]

    def _entry_points(self) -> list[metadata.EntryPoint]:
        """Those of our group. A distribution whose metadata cannot be read is noted as a broken plugin."""
        try:
            return list(metadata.entry_points(group=GROUP))
        except Exception:  # of one distribution; which one is not said
            points: list[metadata.EntryPoint] = []
            for distribution in metadata.distributions():
                try:
                    points += distribution.entry_points.select(group=GROUP)
                except Exception as error:
                    plugin = Plugin("?", *_home(distribution))
                    plugin.breaks(error)
                    self.plugins.append(plugin)
            return points

    def add(self, plugin: Plugin, module: Any) -> None:
        """Register one loaded plugin; whatever is wrong with it ends up in its state."""
        self.plugins.append(plugin)
        # A manager per plugin: pluggy can then leave nothing half-registered behind.
        manager = pluggy.PluginManager(GROUP)
        manager.add_hookspecs(Hooks)
        try:
            manager.register(module, name=plugin.name)
            manager.check_pending()
            offered = [(kind, spec) for kind in KINDS for spec in _call(manager, f"mobench_{kind}s")]
            files = list(_call(manager, "mobench_data_files"))
            for kind, spec in offered:
                _check_spec(kind, spec)
            for file in files:
                _check_data_file(file)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            plugin.breaks(error)
            return
        for kind, spec in offered:
            self._enter(Entry(kind, spec, plugin))
        self.data_files.extend(files)

    def names(self, kind: Kind) -> list[str]:
        """All usable names of a kind, sorted."""
        self._load()
        return sorted(self.entries[kind])

    def get(self, kind: Kind, name: str) -> Entry:
        """The entry of that name.

        Raises: PluginError where two plugins claim the name, or where a broken plugin may have
            been its home; UnknownNameError, with the nearest names, otherwise.
        """
        if name not in self.entries[kind]:
            self._load()
        if name in self.conflicts[kind]:
            origins = " and ".join(plugin.origin for plugin in self.conflicts[kind][name])
            raise PluginError(
                f"{kind} {name!r} is offered by {origins}: uninstall one, or block its plugin with MOBENCH_BLOCK"
            )
        if name in self.entries[kind]:
            return self.entries[kind][name]
        error = unknown_name(kind, name, self.entries[kind])
        for plugin in self.broken():
            error.add_note(f"plugin {plugin.origin} is broken: {plugin.error}")
        raise error

    def meant(self, name: str, kinds: Sequence[Kind] = KINDS) -> list[Entry]:
        """What a person means by a registered name, of one kind or several, a plugin or a distribution.

        Raises: PluginError where it is broken, or where two plugins claim it; UnknownNameError,
            with the nearest names, otherwise.
        """
        self._load()
        found = [self.entries[kind][name] for kind in kinds if name in self.entries[kind]]
        disputed = [kind for kind in kinds if name in self.conflicts[kind]]
        if not found and disputed:
            self.get(disputed[0], name)
        if found:
            return found
        for plugin in self.broken():
            if name in (plugin.name, plugin.distribution):
                raise PluginError(f"plugin {plugin.origin} is broken: {plugin.error} (`mobench plugins --details`)")
        every = [entry for kind in kinds for entry in self.entries[kind].values()]
        found = [entry for entry in every if name in (entry.plugin.distribution, entry.plugin.name)]
        if not found:
            known = {word for e in every for word in (e.name, e.plugin.name, e.plugin.distribution)}
            error = unknown_name(kinds[0] if len(kinds) == 1 else "plugin", name, known)
            for plugin in self.broken():
                error.add_note(f"plugin {plugin.origin} is broken: {plugin.error}")
            raise error
        return found

    def broken(self) -> Iterator[Plugin]:
        """The plugins that could not be used."""
        return (plugin for plugin in self.plugins if plugin.state == "broken")

    def _enter(self, entry: Entry) -> None:
        names, conflicts = self.entries[entry.kind], self.conflicts[entry.kind]
        if entry.name in conflicts:
            conflicts[entry.name].append(entry.plugin)
        elif entry.name in names:
            conflicts[entry.name] = [names.pop(entry.name).plugin, entry.plugin]
        else:
            names[entry.name] = entry


_of_process: list[Registry] = []


def registry() -> Registry:
    """The registry of this process, discovered at first use."""
    if not _of_process:
        _of_process.append(Registry.discover())
    return _of_process[0]


def load_only(keys: Collection[str]) -> None:
    """Have this process load the plugins of these keys alone; the others only when a name is unknown to these.

    keys: as `plugin_key` gives them; those that are not installed here are left out.
    """
    made = Registry()
    made._pending = made._installed()
    made._load(lambda plugin: plugin_key(plugin) in keys)
    _of_process[:] = [made]


def load_all() -> None:
    """Have this process load the plugins that `load_only` left out."""
    registry()._load()


def plugin_key(plugin: Plugin) -> str:
    """What tells a plugin from every other installed one, also in another process: distribution and entry point."""
    return f"{plugin.distribution}:{plugin.name}"


def _imported(name: str, plugin: Plugin) -> Any:
    """A module that a plugin names; what its first import changes in global state is restored, and noted."""
    if name in sys.modules:
        return sys.modules[name]
    with restored(_top(plugin.module), _top(name)) as changed:
        module = importlib.import_module(name)
    plugin.side_effects += changed
    return module


@cache
def _home(distribution: metadata.Distribution | None) -> tuple[str, str]:
    """Its name and version. The library parses all of its metadata for each, and a distribution has many plugins."""
    try:
        if distribution is None:
            return "?", "?"
        return distribution.metadata["Name"] or "?", distribution.metadata["Version"] or "?"
    except Exception:  # there is none, or it is no text
        return "?", "?"


def _top(module: str) -> str:
    """The top-level package of a module."""
    return module.partition(".")[0]


def _call(manager: pluggy.PluginManager, hook: str) -> Iterable[Any]:
    results: list[Sequence[Any]] = getattr(manager.hook, hook)()
    return [spec for specs in results for spec in specs]


def _check_spec(kind: Kind, spec: Any) -> None:
    """Raise PluginError for what is no spec of this kind, or is of another interface version."""
    by_kind: dict[Kind, tuple[type, ...]] = {"suite": (SuiteFile,), "solver": (Spec, Pair)}
    accepted = by_kind.get(kind, (Spec,))
    if not (isinstance(spec, Spec | Pair | SuiteFile) and isinstance(spec, accepted)):
        wanted = " or ".join(t.__name__ for t in accepted)
        raise PluginError(f"hook mobench_{kind}s returned {_shown(spec)}: return a list of {wanted}")
    if not (isinstance(spec.name, str) and NAME.fullmatch(spec.name)):
        raise PluginError(
            f"hook mobench_{kind}s names one {str(spec.name)[:80]!r}: a name is 1 to 80 letters, digits and ._-, "
            "beginning with a letter or digit"
        )
    if spec.interface != INTERFACE_VERSION:
        raise PluginError(
            f"{kind} {spec.name!r} was written for interface version {spec.interface}, this is version "
            f"{INTERFACE_VERSION}: install a release of the plugin made for it"
        )
    _check_fields(f"{kind} {spec.name!r}", spec)
    if isinstance(spec, Spec):
        _check_target(f"{kind} {spec.name!r}", spec.target)


def _check_fields(owner: str, spec: Any) -> None:
    """Raise PluginError for a field of another type than its class states.

    Texts and numbers are Python's own: what a subclass does when it is printed would end commands of everybody.
    """
    for each in fields(spec):
        value, accepted = getattr(spec, each.name), _ACCEPTED[str(each.type).partition("[")[0]]
        whole = type(value) is accepted if accepted in (str, int) else isinstance(value, accepted)
        if whole and accepted is tuple:
            whole = all(type(item) is str for item in value)
        if not whole:
            raise PluginError(f"{owner} has {each.name}={_shown(value)}: a value of type {each.type} is accepted")


_ACCEPTED: dict[str, type] = {"str": str, "int": int, "tuple": tuple, "Mapping": Mapping, "Path": Path}


def _check_target(owner: str, target: str) -> None:
    if not TARGET.fullmatch(target):
        raise PluginError(f"{owner} names {_shown(target)}: write package.module:name")


def _shown(value: Any) -> str:
    return one_line(repr(value), 80)


def _check_data_file(file: Any) -> None:
    """Raise PluginError for what is no data file, or one that would lie outside the data folder."""
    if not isinstance(file, DataFile):
        raise PluginError(f"hook mobench_data_files returned {_shown(file)}: return a list of DataFile")
    _check_fields(f"data file {_shown(file.path)}", file)
    for target in file.fetch:
        _check_target(f"data file {_shown(file.path)}", target)
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or "\\" in file.path or not file.path.isprintable() or not path.parts:
        raise PluginError(f"data file {file.path[:200]!r} is not below the data folder: name it by a relative path")
