"""Transport of classes that are registered in this process to the process of a job.

A job runs in a process of its own, which cannot import what a script or a notebook defines. Such classes are pickled by
value with cloudpickle and travel in the request to the job's process, together with the folders from which this process
imports modules. Only requests of the own runner are unpickled.
"""

from __future__ import annotations

import base64
import pickle
import sys
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from mobench.errors import PluginError
from mobench.in_process.class_sources import is_own, own_modules
from mobench.plugins import registry
from mobench.registered import InProcessEntry
from mobench.text import described


class Named(Protocol):
    """A part of a job, of which only the name is used."""

    @property
    def name(self) -> str: ...


@dataclass(frozen=True)
class PackedEntry:
    """An entry, and the resolved annotations of its class and of the base classes that travel with it."""

    entry: InProcessEntry
    annotations: list[tuple[type[Any], dict[str, Any]]]


def packed(parts: Mapping[Any, Named]) -> str:
    """Return the entries of the parts of a job that are registered in this process, as text; "" if there are none.

    Raises: PluginError if a class cannot be pickled.
    """
    entries = [
        entry
        for kind, part in parts.items()
        if isinstance(entry := registry().entries[kind].get(part.name), InProcessEntry)
    ]
    if not entries:
        return ""
    import cloudpickle

    packed_entries = []
    by_value = []
    try:
        for entry in entries:
            if entry.cls is not None:
                by_value += [module for module in own_modules(entry.cls) if module.__name__ != "__main__"]
                packed_entries.append(PackedEntry(entry, _annotations(entry.cls)))
        for module in by_value:
            cloudpickle.register_pickle_by_value(module)
        # the folders are unpickled first, because the classes may import modules from them
        return base64.b64encode(pickle.dumps((sys.path, cloudpickle.dumps(packed_entries)))).decode()
    except Exception as error:
        names_of_entries = ", ".join(f"{entry.kind} {entry.name!r}" for entry in entries)
        raise PluginError(
            f"{names_of_entries} cannot be sent to the process of a job: {described(error)}. Classes that are "
            "registered in a process may use other classes, functions and values that can be pickled: create locks, "
            "open files and the like in a method, or train with mobench.fit, which needs no other process"
        ) from error
    finally:
        for name in {module.__name__ for module in by_value}:
            if name in cloudpickle.list_registry_pickle_by_value():
                cloudpickle.unregister_pickle_by_value(sys.modules[name])


def unpack(text: str) -> None:
    """Register the entries of a text that `packed` returned in this process.

    Raises: PluginError if a class cannot be created, for example because a module that it imports is not there.
    """
    if not text:
        return
    paths, content = pickle.loads(base64.b64decode(text))
    sys.path += [path for path in paths if path not in sys.path]
    try:
        packed_entries: list[PackedEntry] = pickle.loads(content)
    except Exception as error:
        raise PluginError(
            f"a class that was registered with mobench.register cannot be created in the process of a job: "
            f"{described(error)}. Its modules must be importable there"
        ) from error
    for item in packed_entries:
        for cls, hints in item.annotations:
            cls.__annotations__ = hints
        registry().enter_in_process(item.entry)


def _annotations(cls: type[Any]) -> list[tuple[type[Any], dict[str, Any]]]:
    """Return the annotations of a class and its own bases as types: their texts refer to a module that stays here."""
    return [
        (base, {name: hint for name, hint in typing.get_type_hints(base, include_extras=True).items() if name in own})
        for base in cls.__mro__
        if is_own(sys.modules.get(base.__module__)) and (own := vars(base).get("__annotations__"))
    ]
