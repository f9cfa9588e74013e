"""`mobench help`: print the help of a command, a registered name, a column or a concept."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mobench.cli.completion import one_of
from mobench.errors import UnknownNameError
from mobench.output.printing import say
from mobench.output.streams import raw
from mobench.plugins import registry
from mobench.text import name_hint, one_line

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from mobench.reports.tables.columns import Column

PAGES = ("docs", "concepts")
"""Folder of the pages about concepts, in the package."""
COLUMNS = "columns"
SHORTEST_WORD = 4
"""Shortest word of a page's title under which the page is found."""
WIDTH = 100


@dataclass(frozen=True)
class ConceptPage:
    """A page of the documentation about a concept."""

    name: str
    title: str
    text: str

    @property
    def topics(self) -> list[str]:
        """The name of the page and the words of its title."""
        words = re.findall(r"[a-z]+", self.title.lower())
        return [self.name, *(word for word in words if len(word) >= SHORTEST_WORD)]


def help_(
    topic: Annotated[
        list[str] | None,
        typer.Argument(
            help="A command, a registered name, a column of tables, or a concept; without it, list them.",
            metavar="[TOPIC]",
            autocompletion=one_of(lambda: topics()),
        ),
    ] = None,
) -> None:
    """Explain a command, a registered name, a column of tables, or a concept such as protocol, preferences or rays."""
    name = " ".join(topic or ())
    if not name:
        _list_topics()
    elif page := next((page for page in concept_pages() if name.lower() in page.topics), None):
        _print_page(page)
    elif command := _commands().get(name):
        context = command.make_context(f"mobench {name}", [], resilient_parsing=True)
        say(command.get_help(context).rstrip())
    elif any(name in names for names in registry().entries.values()):
        from mobench.cli.show import show

        show(name)
    elif name.lower() == COLUMNS:
        for column in _columns().values():
            say(f"{column.name:<28} {_meaning(column)}")
    elif described := _columns().get(name):
        say(f"{described.name}: {_meaning(described)}")
    else:
        accepted = [*topics(), *_columns()]
        raise UnknownNameError(
            f"there is no help on {one_line(name, 80)!r}{name_hint(name, accepted, none='none')}"
            " (`mobench help` lists the topics)"
        )


def topics() -> list[str]:
    """Return the topics without the columns, whose import takes longer than all others: for completion."""
    pages = [topic for page in concept_pages() for topic in page.topics]
    names = [name for names in registry().entries.values() for name in names]
    return list(dict.fromkeys([*pages, COLUMNS, *_commands(), *names]))


def concept_pages() -> Iterator[ConceptPage]:
    """Yield the pages about concepts, by name."""
    folder: Traversable = resources.files("mobench").joinpath(*PAGES)
    for path in sorted(folder.iterdir() if folder.is_dir() else (), key=lambda path: path.name):
        if path.name.endswith(".md"):
            text = path.read_text(encoding="utf-8")
            yield ConceptPage(path.name.removesuffix(".md"), text.partition("\n")[0].removeprefix("# "), text)


def _list_topics() -> None:
    say("commands (`mobench help COMMAND`)")
    for name, command in _commands().items():
        say(f"  {name:<16} {command.get_short_help_str(limit=90)}")
    say("concepts")
    for page in concept_pages():
        say(f"  {page.name:<16} {page.title}")
    say(f"columns of tables\n  {COLUMNS:<16} All columns; `mobench help COLUMN` explains one of them.")
    say("registered names\n  Any name that `mobench list` shows, such as that of a solver or a dataset.")


def _commands() -> dict[str, Any]:
    """Return command -> object of the command-line parser; subcommands are named with a space."""
    from mobench.cli.main import app

    group: Any = typer.main.get_command(app)
    commands: dict[str, Any] = {}
    for name, command in group.commands.items():
        commands[name] = command
        commands |= {f"{name} {child}": part for child, part in getattr(command, "commands", {}).items()}
    return commands


def _columns() -> dict[str, Column]:
    from mobench.reports.tables.columns import catalogue

    return {column.name: column for column in catalogue()}


def _meaning(column: Column) -> str:
    better = f"; {column.better} is better" if column.better else ""
    return f"{column.meaning}{better}{f' [{column.unit}]' if column.unit else ''}"


def _print_page(page: ConceptPage) -> None:
    """Print a page as text for a terminal, at most 100 characters wide."""
    from rich.console import Console
    from rich.markdown import Markdown

    console = partial(Console, file=raw(sys.stdout), highlight=False)
    width = min(WIDTH, console().width) if sys.stdout.isatty() else WIDTH
    console(width=width).print(Markdown(page.text, hyperlinks=False))
