"""Commands that read flags and text as they are.

Typer has pydantic read every value but a bool, `--help` with no default and text among them; to import it takes as
long as all the rest of `mobench list`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

from typer.core import TyperCommand, TyperGroup


class _Help:
    """A command whose help is a flag that is off, no value that is missing."""

    def get_help_option(self, context: Any) -> Any:
        option = super().get_help_option(context)  # type: ignore[misc]
        if option is not None:
            option.default = False
        return option


class PlainGroup(_Help, TyperGroup):
    """Commands under one name."""


class PlainCommand(_Help, TyperCommand):
    """A command that takes text as it is."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        hints = getattr(self.callback, "__annotations__", {})
        for parameter in self.params:
            hint = hints.get(parameter.name)
            if get_origin(hint) is Annotated and get_args(hint)[0] in (str, str | None) and parameter.callback is None:
                parameter.process_value = _as_it_is(parameter)  # type: ignore[assignment, method-assign]


def _as_it_is(parameter: Any) -> Callable[[Any, Any], Any]:
    """The parameter's own reading, for a value that is wanted and missing; else the value."""
    read = parameter.process_value

    def value_of(context: Any, value: Any) -> Any:
        return read(context, value) if value is None and parameter.required else value

    return value_of
