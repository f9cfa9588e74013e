"""Plugin registry: discovers and loads plugins, and reports the broken ones."""

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
Kind = Literal["dataset", "model", "generator", "balancer", "sampler", "solver", "suite"]
KINDS: tuple[Kind, ...] = ("dataset", "model", "generator", "balancer", "sampler", "solver", "suite")
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
        """Return a registry of all installed plugins. A broken plugin is reported and does not affect the others."""
        found = cls()
        found._pending = found._installed()
        found._load()
        return found

    def _load(self, is_wanted: Callable[[Plugin], bool] = lambda plugin: True) -> None:
        """Load the selected plugins that are not loaded yet; the others stay pending."""
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
                except BaseException as error:  # includes panics of Rust extensions and pytest's skip
                    plugin.breaks(error)
                    self.plugins.append(plugin)
                else:
                    self.add(plugin, module)
            plugin.side_effects += changed

    def _installed(self) -> list[tuple[Plugin, metadata.EntryPoint]]:
        """Return all entry points in a fixed order, each with a Plugin object that is not loaded yet."""
        points = [(*_home(point.dist), point) for point in self._entry_points()]
        return [
            (Plugin(point.name, distribution, version, module=point.value.partition(":")[0]), point)
            for distribution, version, point in sorted(points, key=lambda each: (each[0], each[2].name))
        ]

    def _entry_points(self) -> list[metadata.EntryPoint]:
        """Return the entry points of the group `mobench`.

        A distribution with unreadable metadata is added as a broken plugin.
        """
        try:
            return list(metadata.entry_points(group=GROUP))
        except Exception:  # in one distribution; the error does not name it
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
        """Register one loaded plugin; errors are stored in its state."""
        self.plugins.append(plugin)
        # One manager per plugin, so that a failure cannot leave a partial registration.
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
        """Return all usable names of a kind, sorted."""
        self._load()
        return sorted(self.entries[kind])

    def get(self, kind: Kind, name: str) -> Entry:
        """Return the entry of a name.

        Raises: PluginError if several plugins offer the name; UnknownNameError, with the nearest names and
            a note for each broken plugin, if no plugin does.
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
        """Return the entries for a name, which can be a registered name, a plugin or a distribution.

        Raises: PluginError if the plugin is broken or if several plugins offer the name;
            UnknownNameError, with the nearest names, if nothing matches.
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
        """Return the plugins that could not be loaded."""
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
    """Return the registry of this process, which is created on first use."""
    if not _of_process:
        _of_process.append(Registry.discover())
    return _of_process[0]


def load_only(keys: Collection[str]) -> None:
    """Replace the registry of this process by one that loads only the plugins with these keys.

    The other plugins are loaded later, if a name is not found.

    keys: as returned by `plugin_key`; keys of plugins that are not installed are ignored.
    """
    made = Registry()
    made._pending = made._installed()
    made._load(lambda plugin: plugin_key(plugin) in keys)
    _of_process[:] = [made]


def load_all() -> None:
    """Load the plugins that `load_only` skipped."""
    registry()._load()


def plugin_key(plugin: Plugin) -> str:
    """Return a unique key of an installed plugin, "distribution:entry point", which is valid in other processes."""
    return f"{plugin.distribution}:{plugin.name}"


def _imported(name: str, plugin: Plugin) -> Any:
    """Return a plugin's module; changes of its first import to the global state are reverted and reported."""
    if name in sys.modules:
        return sys.modules[name]
    with restored(_top(plugin.module), _top(name)) as changed:
        module = importlib.import_module(name)
    plugin.side_effects += changed
    return module


@cache
def _home(distribution: metadata.Distribution | None) -> tuple[str, str]:
    """Return the name and version of a distribution.

    Cached: each access parses all metadata, and a distribution can have many plugins.
    """
    try:
        if distribution is None:
            return "?", "?"
        return distribution.metadata["Name"] or "?", distribution.metadata["Version"] or "?"
    except Exception:  # the metadata is missing or not text
        return "?", "?"


def _top(module: str) -> str:
    """Return the top-level package of a module."""
    return module.partition(".")[0]


def _call(manager: pluggy.PluginManager, hook: str) -> Iterable[Any]:
    results: list[Sequence[Any]] = getattr(manager.hook, hook)()
    return [spec for specs in results for spec in specs]


def _check_spec(kind: Kind, spec: Any) -> None:
    """Raise PluginError unless a value is a spec of this kind and of this interface version."""
    by_kind: dict[Kind, tuple[type, ...]] = {"suite": (SuiteFile,), "solver": (Spec, Pair)}
    accepted = by_kind.get(kind, (Spec,))
    if not (isinstance(spec, Spec | Pair | SuiteFile) and isinstance(spec, accepted)):
        wanted = " or ".join(t.__name__ for t in accepted)
        raise PluginError(f"hook mobench_{kind}s returned {_shown(spec)}: return a list of {wanted}")
    if not (isinstance(spec.name, str) and NAME.fullmatch(spec.name)):
        raise PluginError(
            f"hook mobench_{kind}s returned the name {str(spec.name)[:80]!r}: a name has 1 to 80 letters, digits "
            "and ._-, beginning with a letter or digit"
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
    """Raise PluginError if a field does not have its declared type.

    Strings and numbers must be Python's own: a subclass that raises when it is printed would end every command.
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
    """Raise PluginError unless a value is a DataFile with a path inside the data folder."""
    if not isinstance(file, DataFile):
        raise PluginError(f"hook mobench_data_files returned {_shown(file)}: return a list of DataFile")
    _check_fields(f"data file {_shown(file.path)}", file)
    for target in file.fetch:
        _check_target(f"data file {_shown(file.path)}", target)
    path = PurePosixPath(file.path)
    if path.is_absolute() or ".." in path.parts or "\\" in file.path or not file.path.isprintable() or not path.parts:
        raise PluginError(f"data file {file.path[:200]!r} is not below the data folder: name it by a relative path")
