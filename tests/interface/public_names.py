"""The public names of mobench with their signatures, one per line. As a program, it writes the list of a release.

`mobench/interface.txt` is the list of the last release. CHANGELOG.md must name every later difference in backquotes
under "Unreleased". A new list is written at each release.
"""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).parents[2]
LIST = ROOT / "mobench" / "interface.txt"
MODULES = (
    "mobench", "mobench.fronts", "mobench.interfaces", "mobench.hookspecs", "mobench.options", "mobench.plugins",
    "mobench.errors", "mobench.events",
    "mobench.numerics", "mobench.measures", "mobench.array_files", "mobench.datafiles", "mobench.user_folders",
    "mobench.downloads", "mobench.files",
    "mobench.metrics.indicators", "mobench.metrics.evaluation",
    "mobench.testing", "mobench.testing.conformance", "mobench.testing.families", "mobench.testing.properties",
    "mobench.testing.small",
)  # fmt: skip


def public_names() -> dict[str, str]:
    """Return the current public names: dotted name -> signature or kind."""
    description_by_name: dict[str, str] = {}
    for module in map(importlib.import_module, MODULES):
        for name in names_of(module):
            description_by_name.update(described(f"{module.__name__}.{name}", getattr(module, name)))
    return dict(sorted(description_by_name.items()))


def names_of(module: ModuleType) -> list[str]:
    """Return `__all__`, or without it the names defined in the module that do not begin with an underscore."""
    if hasattr(module, "__all__"):
        return list(module.__all__)
    return [
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and (getattr(value, "__module__", module.__name__) == module.__name__ or name.isupper())
        and not (name == "annotations" or type(value).__name__ == "TypeVar")
    ]


def described(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield the name with its signature or kind; for a class also the public members that it declares."""
    if not inspect.isclass(value):
        yield name, signature(value) if callable(value) else type(value).__name__
        return
    yield name, f"class({', '.join(base.__name__ for base in value.__bases__)})"
    # exceptions and enumerations inherit their constructors from Python
    if not issubclass(value, BaseException | enum.Enum):
        yield f"{name}.__init__", signature(value)
    for member, attribute in vars(value).items():
        if member.startswith("_"):
            continue
        if callable(function := getattr(attribute, "__func__", attribute)):
            yield f"{name}.{member}", signature(function)
        elif isinstance(attribute, property) or hasattr(attribute, "func"):
            yield f"{name}.{member}", "property"


def signature(value: Callable[..., Any]) -> str:
    """Return the signature as in the source, without addresses in defaults; the type's name if there is none."""
    try:
        return re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return type(value).__name__


def listed(text: str) -> tuple[str, dict[str, str]]:
    """Parse a list: return its version and its names."""
    heading, *lines = text.splitlines()
    return heading.removeprefix("# mobench "), dict(line.split(" ", 1) for line in lines)


def as_text(version: str, names: Mapping[str, str]) -> str:
    return "".join([f"# mobench {version}\n", *(f"{name} {description}\n" for name, description in names.items())])


def changes(old: Mapping[str, str], new: Mapping[str, str]) -> dict[str, str]:
    """Return the differences of two lists: name -> "added", "removed" or "changed"."""
    change_by_name = dict.fromkeys(new.keys() - old.keys(), "added")
    change_by_name |= dict.fromkeys(old.keys() - new.keys(), "removed")
    change_by_name |= {name: "changed" for name in old.keys() & new.keys() if old[name] != new[name]}
    return dict(sorted(change_by_name.items()))


def untold(changed: Mapping[str, str], changelog: str) -> dict[str, str]:
    """Return the changes whose name is not in backquotes under "Unreleased".

    The last part of the dotted name is enough; for a member this is `Class.member`. A class that is added or removed
    is named once for all its members. A module that becomes public is named once too, by its full dotted name.
    """
    section = re.split(r"^## ", changelog, flags=re.MULTILINE)
    unreleased = next((text for text in section if text.startswith("[Unreleased]")), "")
    documented = set(re.findall(r"`([\w.]+)[^`]*`", unreleased))

    def is_told(name: str) -> bool:
        parts = name.removesuffix(".__init__").split(".")
        if any(".".join(parts[i:]) in documented for i in range(len(parts)) if i < len(parts) - _depth(parts)):
            return True
        if changed[name] == "added" and any(".".join(parts[:i]) in documented for i in range(2, len(parts))):
            return True
        parent = ".".join(name.split(".")[:-1])
        return changed.get(parent) in ("added", "removed") and is_told(parent)

    return {name: kind for name, kind in changed.items() if not is_told(name)}


def _depth(parts: list[str]) -> int:
    """Return 1 for a member of a class, which must be named together with its class; else 0."""
    return int(len(parts) > 1 and parts[-2][:1].isupper())


def message(missing: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {kind}: {name}" for name, kind in missing.items())
    return (
        f"public names differ from mobench/interface.txt and CHANGELOG.md does not say so:\n{lines}\n"
        'name each in backquotes under "Unreleased", with the old and the new call for a break '
        "(mobench/INTERFACE.md has the rules); at a release, `python tests/interface/public_names.py` "
        "writes the list anew"
    )


def main() -> None:
    """Write the list, unless the changelog lacks a difference."""
    import tomllib

    current = public_names()
    if LIST.exists():
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        if missing := untold(changes(listed(LIST.read_text(encoding="utf-8"))[1], current), changelog):
            sys.exit(message(missing))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    LIST.write_text(as_text(version, current), encoding="utf-8")


if __name__ == "__main__":
    main()
