"""Group of commands that all accept `--quiet` and `--json`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from functools import wraps
from typing import Annotated, Any, TypeVar

import typer

from mobench.cli.plain import PlainCommand, PlainGroup
from mobench.output.printing import events, json_lines, quiet

Command = TypeVar("Command", bound=Callable[..., Any])


class App(typer.Typer):
    """A group of commands that all accept `--quiet` and `--json`."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**{"cls": PlainGroup, **settings})

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Command], Command]:
        register = super().command(name, **{"cls": PlainCommand, **settings})

        def add(function: Command) -> Command:
            register(_with_output(function))
            return function

        return add


def _with_output(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--quiet` and `--json` to a command, and handle them outside its function."""
    signature = inspect.signature(function, eval_str=True)
    hints: dict[str, Any] = {
        "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")],
        "as_json": Annotated[bool, typer.Option("--json", help="One JSON object per line on standard output.")],
    }

    @wraps(function)
    def command(**options: Any) -> Any:
        is_quiet, as_json = options.pop("quiet"), options.pop("as_json")
        with quiet(is_quiet), json_lines() if as_json and events() is None else nullcontext():
            return function(**options)

    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=False, annotation=hint)
        for name, hint in hints.items()
    ]
    extended = signature.replace(parameters=[*signature.parameters.values(), *more])
    command.__signature__ = extended  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in extended.parameters.values()}
    return command
