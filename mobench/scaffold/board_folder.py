"""Creation of the folder of a new board from the templates."""

from __future__ import annotations

from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from mobench.scaffold.package import templates_in, write_new
from mobench.scaffold.package_names import normalised

BOARD = "board"
"""The kind that `mobench new` accepts beside those of packages."""


def board_files(name: str) -> dict[str, str]:
    """Return the files of a new board: path relative to its folder -> text."""
    values = {"name": name, "mobench": ".".join(version("mobench").split(".")[:2])}
    templates = templates_in(files("mobench.scaffold") / "templates" / BOARD)
    return {path: Template(text).substitute(values) for path, text in templates.items()}


def write_board(name: str, parent: Path) -> Path:
    """Create a board in `parent`, and return its folder. Raises: NewNameError, as `package.write`."""
    name = normalised(name)
    return write_new(parent / name, board_files(name))
