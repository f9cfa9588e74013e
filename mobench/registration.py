"""Register classes, objects and pairs for the running process, without a package: `mobench.register`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, overload

from mobench import options
from mobench.errors import MobenchError, PluginError
from mobench.hookspecs import Pair, Spec
from mobench.in_process.class_sources import hash_of, source_of
from mobench.interfaces import Balancer, Dataset, Generator, Logger, Model, Sampler, Solver
from mobench.plugins import entries_named, registry, unknown_in
from mobench.registered import IN_PROCESS, InProcessEntry, Kind, Plugin
from mobench.spec_checks import check_spec
from mobench.text import one_line

BASES: dict[Kind, type] = {
    "dataset": Dataset,
    "model": Model,
    "generator": Generator,
    "balancer": Balancer,
    "sampler": Sampler,
    "solver": Solver,
    "logger": Logger,
}
"""Base class of each kind."""

Registered = TypeVar("Registered")


@overload
def register(what: str, *, defaults: Mapping[str, Any] | None = ..., summary: str = ..., source: str = ...,
             small: Mapping[str, Any] | None = ...) -> Callable[[Registered], Registered]: ...  # fmt: skip
@overload
def register(what: str, *, generator: str | type[Any] | object, balancer: str | type[Any] | object,
             defaults: Mapping[str, Any] | None = ..., summary: str = ..., source: str = ...) -> None: ...  # fmt: skip
@overload
def register(what: Registered, name: str, *, defaults: Mapping[str, Any] | None = ..., summary: str = ...,
             source: str = ..., small: Mapping[str, Any] | None = ...) -> Registered: ...  # fmt: skip
def register(
    what: Any,
    name: str | None = None,
    *,
    generator: Any = None,
    balancer: Any = None,
    defaults: Mapping[str, Any] | None = None,
    summary: str = "",
    source: str = "",
    small: Mapping[str, Any] | None = None,
) -> Any:
    """Register a class, an object or a pair for the running process, so that it can be used by its name.

    Three forms:

        mobench.register(MyBalancer, "my-balancer")            # a class, or an object with its options
        @mobench.register("my-balancer")                       # the same as a decorator
        mobench.register("my-solver", generator="my-generator", balancer=MyBalancer)  # a pair

    The name then works in this process in `mobench.run`, `mobench.fit` and the other functions, also for jobs in
    processes of their own: the class is sent to them by value. It may use classes, functions and constants of its
    script, notebook or module, and modules that can be imported; it must not need open files or locks at that time.

    what: a class that derives from Balancer, Dataset, Generator, Logger, Model, Sampler or Solver, or an object of one,
        whose options become the defaults of the name; the name, for a decorator or a pair.
    name: lower case with hyphens.
    generator, balancer: of a pair: a registered name, a class or an object.
    defaults: options that the name sets; for a pair with the prefix of their part, such as "solver.lr".
    summary, source, small: as in `mobench.Spec`.

    The version of the name is a hash of its source, with that of functions, classes and constants of the same module
    that it uses. So a changed class has other jobs, and records of the earlier one are not reused. A class of the same
    name from the same script or notebook replaces the earlier one. Records state that a part was registered in process;
    a store with such records cannot be submitted (`mobench.check_submittable`).

    Returns: `what` for a class or object, so that it can be used further.

    Raises: PluginError if the class derives from none of these classes, if its source cannot be read, or if the name is
        taken; OptionError for wrong defaults.
    """
    if isinstance(what, str):
        if name is not None:
            raise PluginError(
                f"register was given two names, {what!r} and {name!r}: pass the class first, then its name"
            )
        if generator is None and balancer is None:
            return lambda cls: register(cls, what, defaults=defaults, summary=summary, source=source, small=small)
        _register_pair(what, generator, balancer, dict(defaults or {}), summary, source)
        return None
    if name is None:
        raise PluginError(f"register was given {_shown(what)} without a name: pass register(…, 'my-name')")
    if generator is not None or balancer is not None:
        raise PluginError(
            "generator and balancer belong to a pair: pass register('my-solver', generator=…, balancer=…)"
        )
    _register_class(what, name, dict(defaults or {}), summary, source, dict(small or {}))
    return what


def unregister(name: str, kind: Kind | None = None) -> None:
    """Remove a name that `register` registered in this process.

    kind: if several kinds have the name.

    Raises: PluginError for the name of an installed plugin; UnknownNameError for an unknown name.
    """
    kinds = list(BASES) if kind is None else [kind]
    entries = entries_named(registry(), name, kinds)
    if not entries:
        in_process = [e.name for k in kinds for e in registry().entries[k].values() if isinstance(e, InProcessEntry)]
        raise unknown_in(registry(), kind or "plugin", name, in_process)
    for entry in entries:
        if not isinstance(entry, InProcessEntry):
            raise PluginError(
                f"{entry.kind} {name!r} belongs to {entry.plugin.origin}: uninstall or block that package"
            )
        del registry().entries[entry.kind][name]


def _register_class(
    what: Any, name: str, defaults: dict[str, Any], summary: str, source: str, small: dict[str, Any]
) -> InProcessEntry:
    cls = what if isinstance(what, type) else type(what)
    kind = _kind_of(cls, what)
    if not dataclasses.is_dataclass(cls):
        raise PluginError(
            f"{cls.__qualname__} is not a dataclass: decorate it with @dataclass(eq=False); its fields are its options"
        )
    if not isinstance(what, type):
        defaults = {**_options_of(what), **defaults}
    options.build(cls, {**defaults, **small}, f"{kind} {name!r}")
    sha256 = hash_of(source_of(cls))
    spec = Spec(
        name,
        f"{cls.__module__}:{cls.__name__}",
        summary or next(iter((cls.__doc__ or "").strip().splitlines()), ""),
        source or "registered in process",
        defaults,
        _version(sha256),
        small=small,
    )
    check_spec(kind, spec)
    existing = registry().entries[kind].get(name) if name in registry().names(kind) else None
    if isinstance(existing, InProcessEntry) and not _is_again(cls, existing.cls):
        raise PluginError(
            f"{kind} {name!r} is registered in this process already, as {_shown(existing.cls or 'a pair')}: choose "
            "another name, or call mobench.unregister first"
        )
    entry = InProcessEntry(kind, spec, _plugin(sha256), cls, sha256)
    registry().enter_in_process(entry)
    return entry


def _register_pair(
    name: str, generator: Any, balancer: Any, defaults: dict[str, Any], summary: str, source: str
) -> None:
    names = {"generator": _name_of("generator", generator, name), "balancer": _name_of("balancer", balancer, name)}
    entries = [registry().get(kind, part) for kind, part in names.items()]  # type: ignore[arg-type]
    existing = registry().entries["solver"].get(name)
    if isinstance(existing, InProcessEntry) and existing.cls is not None:
        raise PluginError(
            f"solver {name!r} is registered in this process already, as {_shown(existing.cls)}: choose another name, "
            "or call mobench.unregister first"
        )
    sha256 = hash_of(repr([(entry.name, entry.version) for entry in entries]) + repr(sorted(defaults.items())))
    pair = Pair(
        name,
        names["generator"],
        names["balancer"],
        summary or f"{names['generator']} with {names['balancer']}",
        source or "registered in process",
        defaults,
        _version(sha256),
    )
    check_spec("solver", pair)
    registry().enter_in_process(InProcessEntry("solver", pair, _plugin(sha256), None, sha256))


def _name_of(kind: Kind, what: Any, pair: str) -> str:
    """Return the registered name of a part of a pair. A class without one is registered under the name of the pair."""
    if what is None:
        raise PluginError(f"pair {pair!r} has no {kind}: pass a registered name or a class as {kind}=…")
    if isinstance(what, str):
        return what
    if isinstance(what, type):
        for entry in registry().entries[kind].values():
            if isinstance(entry, InProcessEntry) and entry.cls is what and not entry.spec.defaults:  # type: ignore[union-attr]
                return entry.name
    cls = what if isinstance(what, type) else type(what)
    if _kind_of(cls, what) != kind:
        raise PluginError(f"{kind} of pair {pair!r} is {_shown(what)}: pass a {BASES[kind].__name__}")
    return _register_class(what, pair, {}, "", "", {}).name


def _kind_of(cls: type[Any], what: Any) -> Kind:
    for kind, base in BASES.items():
        if issubclass(cls, base):
            return kind
    accepted = ", ".join(f"mobench.{base.__name__}" for base in BASES.values())
    raise PluginError(
        f"register was given {_shown(what)}: pass a class that derives from one of {accepted}, or an object"
    )


def _options_of(what: Any) -> dict[str, Any]:
    """Return the options of an object. Raises: PluginError if it cannot be created from them."""
    values = {field.name: getattr(what, field.name) for field in dataclasses.fields(what) if field.init}
    try:
        options.build(type(what), values)
    except MobenchError as error:
        raise PluginError(
            f"{_shown(what)} cannot be created again from its options: {error}. Register its class instead"
        ) from error
    return values


def _is_again(cls: type[Any], earlier: type[Any] | None) -> bool:
    """Whether a class is an earlier one, or its definition was executed again in the same script or notebook."""
    if earlier is None:
        return False
    return (cls.__module__, cls.__qualname__) == (earlier.__module__, earlier.__qualname__)


def _version(sha256: str) -> str:
    return f"{IN_PROCESS} {sha256[:12]}"


def _plugin(sha256: str) -> Plugin:
    return Plugin("mobench.register", IN_PROCESS, sha256[:12])


def _shown(value: Any) -> str:
    return one_line(f"the class {value.__qualname__}" if isinstance(value, type) else repr(value), 80)
