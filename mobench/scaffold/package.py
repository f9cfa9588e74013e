"""Create a new package from the templates."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from importlib.metadata import version
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from mobench.errors import NewNameError
from mobench.scaffold.package_names import PackageNames

SUFFIX = ".tmpl"
"""Suffix of templates. It prevents tools from importing, linting or collecting them as Python files."""


def contents(names: PackageNames) -> dict[str, str]:
    """Return the files of a new package: path relative to its folder -> text."""
    values = {
        "kind": names.kind,
        "name": names.name,
        "distribution": names.distribution,
        "package": names.package,
        "cls": names.cls,
        "solver": names.solver,
        "mobench": ".".join(version("mobench").split(".")[:2]),
    }
    folder = files("mobench.scaffold") / "templates"
    templates = {**templates_in(folder / "common"), **templates_in(folder / names.kind)}
    return {Template(path).substitute(values): Template(text).substitute(values) for path, text in templates.items()}


def write(names: PackageNames, parent: Path) -> Path:
    """Create the new package in `parent`, and return its folder.

    Raises: NewNameError if the folder exists or cannot be created. Existing files are never changed; an incomplete
        new folder is removed.
    """
    return write_new(parent / names.distribution, contents(names))


def write_new(folder: Path, texts: Mapping[str, str]) -> Path:
    """Create a folder with the given files, path -> text, and return it. Raises: NewNameError, as `write`."""
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise NewNameError(
            f"{folder} exists already: choose another name or another --out; nothing is ever overwritten"
        ) from error
    except OSError as error:
        raise NewNameError(f"{folder} cannot be made ({error.strerror}): choose another folder with --out") from error
    try:
        for path, text in texts.items():
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x", encoding="utf-8") as file:
                file.write(text)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise NewNameError(
                f"{folder} cannot be written ({error.strerror}): make room, or choose another folder with --out"
            ) from error
        raise
    return folder


def templates_in(folder: Traversable, below: str = "") -> dict[str, str]:
    """Return path -> text of all templates in a folder of the installed package."""
    templates: dict[str, str] = {}
    for item in folder.iterdir():
        path = f"{below}{item.name}"
        if item.is_dir():
            templates |= templates_in(item, f"{path}/")
        elif item.name.endswith(SUFFIX):
            templates[path.removesuffix(SUFFIX)] = item.read_text(encoding="utf-8")
    return templates
