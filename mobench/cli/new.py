"""`mobench new`: create a plugin package for a new method, or the folder of a board."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mobench.errors import unknown_name
from mobench.output.output_lines import WroteLine
from mobench.output.printing import say
from mobench.plugins import registry
from mobench.scaffold.board_folder import BOARD
from mobench.scaffold.package_names import NEW_KINDS, PackageNames, check_is_free, normalised


def new(
    kind: Annotated[str, typer.Argument(help=f"One of: {', '.join((*NEW_KINDS, BOARD))}.")],
    name: Annotated[str, typer.Argument(help="The name that users type: lower case, with hyphens.")],
    out: Annotated[Path, typer.Option(help="Folder in which the package's folder is created.")] = Path(),
) -> None:
    """Write a small installable package with a method, its test and its README, or a board; nothing is overwritten."""
    from mobench.scaffold.package import write

    if kind == BOARD:
        _new_board(name, out)
        return
    new_kind = next((known_kind for known_kind in NEW_KINDS if known_kind == kind), None)
    if new_kind is None:
        raise unknown_name("kind that can be made", kind, (*NEW_KINDS, BOARD))
    names = PackageNames(new_kind, normalised(name))
    if names.name != name:
        say(f"note: {name!r} is written {names.name}")
    check_is_free(names, registry())
    folder = write(names, out)
    say(
        f"{folder}: the {kind} {names.name}, class {names.cls} in {names.package}/{kind}.py, with its test and README",
        WroteLine(str(folder)),
    )
    say(f"next: pip install -e {folder} && mobench check {names.distribution}")


def _new_board(name: str, out: Path) -> None:
    from mobench.scaffold.board_folder import write_board

    folder = write_board(name, out)
    say(f"{folder}: a board, with its guide for contributors and the workflows of its CI", WroteLine(str(folder)))
    say(f"next: mobench run quick --out {folder / 'quick'} && mobench site {folder} --out {folder.name}-site")
