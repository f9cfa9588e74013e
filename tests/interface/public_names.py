"""The public names of mobench with their signatures, a line each; run as a program, writes the list of a release.

`mobench/interface.txt` holds those of the last release. What differs from it since is to be named in backquotes
under "Unreleased" in CHANGELOG.md; the list is written anew when a release is made.
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
    "mobench", "mobench.interfaces", "mobench.hookspecs", "mobench.options", "mobench.plugins", "mobench.errors",
    "mobench.numerics", "mobench.datafiles", "mobench.downloads", "mobench.files",
    "mobench.metrics.indicators", "mobench.metrics.evaluation",
    "mobench.testing", "mobench.testing.conformance", "mobench.testing.families", "mobench.testing.properties",
    "mobench.testing.small",
)  # fmt: skip


def public_names() -> dict[str, str]:
    """Dotted name -> its signature or kind, of everything that is public now."""
    found: dict[str, str] = {}
    for module in map(importlib.import_module, MODULES):
        for name in names_of(module):
            found.update(described(f"{module.__name__}.{name}", getattr(module, name)))
    return dict(sorted(found.items()))


def names_of(module: ModuleType) -> list[str]:
    """What `__all__` says; without one, what was made in the module and begins with no underscore."""
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
    """The name itself, and of a class the public members that it declares."""
    if not inspect.isclass(value):
        yield name, signature(value) if callable(value) else type(value).__name__
        return
    yield name, f"class({', '.join(base.__name__ for base in value.__bases__)})"
    # the constructor of an exception or an enumeration is Python's own
    if not issubclass(value, BaseException | enum.Enum):
        yield f"{name}.__init__", signature(value)
    for member, held in vars(value).items():
        if member.startswith("_"):
            continue
        if callable(function := getattr(held, "__func__", held)):
            yield f"{name}.{member}", signature(function)
        elif isinstance(held, property) or hasattr(held, "func"):
            yield f"{name}.{member}", "property"


def signature(value: Callable[..., Any]) -> str:
    """As written in the source; an address in a default is left out, and where there is no signature, the kind."""
    try:
        return re.sub(r" at 0x[0-9a-f]+", "", str(inspect.signature(value)))
    except (TypeError, ValueError):
        return type(value).__name__


def listed(text: str) -> tuple[str, dict[str, str]]:
    """The version and the names of a list."""
    heading, *lines = text.splitlines()
    return heading.removeprefix("# mobench "), dict(line.split(" ", 1) for line in lines)


def as_text(version: str, names: Mapping[str, str]) -> str:
    return "".join([f"# mobench {version}\n", *(f"{name} {what}\n" for name, what in names.items())])


def changes(before: Mapping[str, str], now: Mapping[str, str]) -> dict[str, str]:
    """Name -> "added", "removed" or "changed", where two lists differ."""
    what = dict.fromkeys(now.keys() - before.keys(), "added")
    what |= dict.fromkeys(before.keys() - now.keys(), "removed")
    what |= {name: "changed" for name in before.keys() & now.keys() if before[name] != now[name]}
    return dict(sorted(what.items()))


def untold(changed: Mapping[str, str], changelog: str) -> dict[str, str]:
    """Of the changes, those whose name is not in backquotes under "Unreleased".

    The last part of the dotted name is enough, `Class.member` for a member; a class that is added or removed
    is told once for all that is in it, and so is a module that becomes public, by its whole dotted name.
    """
    section = re.split(r"^## ", changelog, flags=re.MULTILINE)
    unreleased = next((text for text in section if text.startswith("[Unreleased]")), "")
    told = set(re.findall(r"`([\w.]+)[^`]*`", unreleased))

    def is_told(name: str) -> bool:
        parts = name.removesuffix(".__init__").split(".")
        if any(".".join(parts[i:]) in told for i in range(len(parts)) if i < len(parts) - _depth(parts)):
            return True
        if changed[name] == "added" and any(".".join(parts[:i]) in told for i in range(2, len(parts))):
            return True
        parent = ".".join(name.split(".")[:-1])
        return changed.get(parent) in ("added", "removed") and is_told(parent)

    return {name: what for name, what in changed.items() if not is_told(name)}


def _depth(parts: list[str]) -> int:
    """1 for a member of a class, which needs the class's name before it; else 0."""
    return int(len(parts) > 1 and parts[-2][:1].isupper())


def message(missing: Mapping[str, str]) -> str:
    lines = "\n".join(f"  {what}: {name}" for name, what in missing.items())
    return (
        f"public names differ from mobench/interface.txt and CHANGELOG.md does not say so:\n{lines}\n"
        'name each in backquotes under "Unreleased", with the old and the new call for a break '
        "(mobench/INTERFACE.md has the rules); at a release, `python tests/interface/public_names.py` "
        "writes the list anew"
    )


def main() -> None:
    """Write the list, once the changelog has all that differs."""
    import tomllib

    now = public_names()
    if LIST.exists():
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        if missing := untold(changes(listed(LIST.read_text(encoding="utf-8"))[1], now), changelog):
            sys.exit(message(missing))
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    LIST.write_text(as_text(version, now), encoding="utf-8")


if __name__ == "__main__":
    main()
