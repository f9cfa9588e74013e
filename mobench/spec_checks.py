"""Checks of the specs that hooks return: their types, names, versions and targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path, PurePosixPath
from typing import Any

from mobench.errors import PluginError
from mobench.hookspecs import INTERFACE_VERSION, DataFile, Pair, Spec, SuiteFile, UserFolder
from mobench.registered import Kind
from mobench.text import one_line

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
TARGET = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*")


def check_spec(kind: Kind, spec: Any) -> None:
    """Raise PluginError unless a value is a spec of this kind and of this interface version."""
    by_kind: dict[Kind, tuple[type, ...]] = {"suite": (SuiteFile,), "solver": (Spec, Pair)}
    accepted = by_kind.get(kind, (Spec,))
    if not (isinstance(spec, Spec | Pair | SuiteFile) and isinstance(spec, accepted)):
        names = " or ".join(t.__name__ for t in accepted)
        raise PluginError(f"hook mobench_{kind}s returned {_shown(spec)}: return a list of {names}")
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
    for declared in fields(spec):
        value, accepted = getattr(spec, declared.name), _ACCEPTED[str(declared.type).partition("[")[0]]
        is_accepted = type(value) is accepted if accepted in (str, int) else isinstance(value, accepted)
        if is_accepted and accepted is tuple:
            is_accepted = all(type(item) is str for item in value)
        if not is_accepted:
            raise PluginError(
                f"{owner} has {declared.name}={_shown(value)}: a value of type {declared.type} is accepted"
            )


_ACCEPTED: dict[str, type] = {"str": str, "int": int, "tuple": tuple, "Mapping": Mapping, "Path": Path}


def _check_target(owner: str, target: str) -> None:
    if not TARGET.fullmatch(target):
        raise PluginError(f"{owner} names {_shown(target)}: write package.module:name")


def _shown(value: Any) -> str:
    return one_line(repr(value), 80)


def check_data_file(file: Any) -> None:
    """Raise PluginError unless a value is a DataFile with a path inside the data folder."""
    if not isinstance(file, DataFile):
        raise PluginError(f"hook mobench_data_files returned {_shown(file)}: return a list of DataFile")
    _check_fields(f"data file {_shown(file.path)}", file)
    for target in file.fetch:
        _check_target(f"data file {_shown(file.path)}", target)
    _check_relative("data file", file.path, "the data folder")


def check_user_folder(folder: Any) -> None:
    """Raise PluginError unless a value is a UserFolder with paths inside the data folder and inside itself."""
    if not isinstance(folder, UserFolder):
        raise PluginError(f"hook mobench_user_folders returned {_shown(folder)}: return a list of UserFolder")
    _check_fields(f"user folder {_shown(folder.path)}", folder)
    _check_relative("user folder", folder.path, "the data folder")
    for path in folder.contents:
        _check_relative("file or folder", path, f"user folder {folder.path!r}")


def _check_relative(what: str, path: str, folder: str) -> None:
    """Raise PluginError unless a path is printable, relative, and below the folder that it is relative to."""
    parts = PurePosixPath(path).parts
    if PurePosixPath(path).is_absolute() or ".." in parts or "\\" in path or not path.isprintable() or not parts:
        raise PluginError(f"{what} {path[:200]!r} is not below {folder}: name it by a relative path")
