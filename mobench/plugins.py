"""Plugin registry: discovers and loads plugins, and reports the broken ones."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from typing import Any

import pluggy

from mobench.errors import PluginError, UnknownNameError, unknown_name
from mobench.global_state import restored
from mobench.hookspecs import (
    INTERFACE_VERSION,
    DataFile,
    Hooks,
    Pair,
    SolverPreset,
    Spec,
    SuiteFile,
    UserFolder,
    hookimpl,
)
from mobench.registered import KINDS as KINDS
from mobench.registered import Entry, InProcessEntry, Plugin, top_package
from mobench.registered import Kind as Kind
from mobench.spec_checks import check_data_file, check_spec, check_user_folder

__all__ = [
    "INTERFACE_VERSION",
    "DataFile",
    "Entry",
    "Pair",
    "Plugin",
    "Registry",
    "SolverPreset",
    "Spec",
    "SuiteFile",
    "UserFolder",
    "hookimpl",
    "registry",
]

GROUP = "mobench"


@dataclass
class Registry:
    """All plugins and all names. `Registry.discover()` reads the installed entry points."""

    plugins: list[Plugin] = field(default_factory=list)
    entries: dict[Kind, dict[str, Entry]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    conflicts: dict[Kind, dict[str, list[Plugin]]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    data_files: list[DataFile] = field(default_factory=list)
    user_folders: list[UserFolder] = field(default_factory=list)
    _pending: list[tuple[Plugin, metadata.EntryPoint]] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def discover(cls) -> Registry:
        """Return a registry of all installed plugins. A broken plugin is reported and does not affect the others."""
        registry = cls()
        registry._pending = registry._installed()
        registry._load()
        return registry

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
            with restored(top_package(plugin.module)) as changed:
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
            for distribution, version, point in sorted(points, key=lambda item: (item[0], item[2].name))
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
            user_folders = list(_call(manager, "mobench_user_folders"))
            for kind, spec in offered:
                check_spec(kind, spec)
            for file in files:
                check_data_file(file)
            for folder in user_folders:
                check_user_folder(folder)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            plugin.breaks(error)
            return
        for kind, spec in offered:
            self._enter(Entry(kind, spec, plugin))
        self.data_files.extend(files)
        self.user_folders.extend(user_folders)

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
        if entries := entries_named(self, name, (kind,)):
            return entries[0]
        raise unknown_in(self, kind, name, self.entries[kind])

    def meant(self, name: str, kinds: Sequence[Kind] = KINDS) -> list[Entry]:
        """Return the entries for a name, which can be a registered name, a plugin or a distribution.

        Raises: PluginError if the plugin is broken or if several plugins offer the name;
            UnknownNameError, with the nearest names, if nothing matches.
        """
        self._load()
        if entries := entries_named(self, name, kinds):
            return entries
        for plugin in self.broken():
            if name in (plugin.name, plugin.distribution):
                raise PluginError(f"plugin {plugin.origin} is broken: {plugin.error} (`mobench plugins --details`)")
        all_entries = [entry for kind in kinds for entry in self.entries[kind].values()]
        entries = [entry for entry in all_entries if name in (entry.plugin.distribution, entry.plugin.name)]
        if not entries:
            words = {word for e in all_entries for word in (e.name, e.plugin.name, e.plugin.distribution)}
            raise unknown_in(self, kinds[0] if len(kinds) == 1 else "plugin", name, words)
        return entries

    def broken(self) -> Iterator[Plugin]:
        """Return the plugins that could not be loaded."""
        return (plugin for plugin in self.plugins if plugin.state == "broken")

    def enter_in_process(self, entry: InProcessEntry) -> None:
        """Enter a name of this process; it replaces an earlier one of this process.

        Raises: PluginError if an installed plugin has the name.
        """
        for existing in entries_named(self, entry.name, (entry.kind,)):
            if not isinstance(existing, InProcessEntry):
                raise PluginError(
                    f"{entry.kind} {entry.name!r} is registered already, by {existing.plugin.origin}: choose another "
                    "name"
                )
        self.entries[entry.kind][entry.name] = entry

    def _enter(self, entry: Entry) -> None:
        names, conflicts = self.entries[entry.kind], self.conflicts[entry.kind]
        if entry.name in conflicts:
            conflicts[entry.name].append(entry.plugin)
        elif entry.name in names:
            conflicts[entry.name] = [names.pop(entry.name).plugin, entry.plugin]
        else:
            names[entry.name] = entry


def entries_named(plugins: Registry, name: str, kinds: Sequence[Kind] = KINDS) -> list[Entry]:
    """Return the entries that are registered under exactly this name, at most one per kind.

    Raises: PluginError if there is none because several plugins offer the name.
    """
    entries = [plugins.entries[kind][name] for kind in kinds if name in plugins.entries[kind]]
    for kind in kinds:
        if not entries and name in plugins.conflicts[kind]:
            origins = " and ".join(plugin.origin for plugin in plugins.conflicts[kind][name])
            raise PluginError(
                f"{kind} {name!r} is offered by {origins}: uninstall one, or block its plugin with MOBENCH_BLOCK"
            )
    return entries


def unknown_in(plugins: Registry, kind: str, name: str, accepted: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name, with the nearest names and a note for each broken plugin."""
    error = unknown_name(kind, name, accepted)
    for plugin in plugins.broken():
        error.add_note(f"plugin {plugin.origin} is broken: {plugin.error}")
    return error


def pair_of(name: str) -> Pair | None:
    """Return the pair that a name of the form "generator+balancer" states; None for any other name."""
    generator, plus, balancer = name.partition("+")
    return Pair(name, generator, balancer) if plus else None


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
    registry = Registry()
    registry._pending = registry._installed()
    registry._load(lambda plugin: plugin_key(plugin) in keys)
    _of_process[:] = [registry]


def load_all() -> None:
    """Load the plugins that `load_only` skipped."""
    registry()._load()


def plugin_key(plugin: Plugin) -> str:
    """Return a unique key of an installed plugin, "distribution:entry point", which is valid in other processes."""
    return f"{plugin.distribution}:{plugin.name}"


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


def _call(manager: pluggy.PluginManager, hook: str) -> Iterable[Any]:
    results: list[Sequence[Any]] = getattr(manager.hook, hook)()
    return [spec for specs in results for spec in specs]
