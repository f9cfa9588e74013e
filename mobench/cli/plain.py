"""Typer commands that read flags and text without pydantic.

Typer passes every value except a bool to pydantic, including text and a `--help` flag without a default. The import
of pydantic takes as long as the rest of `mobench list`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, get_args, get_origin

from typer.core import TyperCommand, TyperGroup


class _Help:
    """A command whose `--help` flag has the default False instead of a missing value."""

    def get_help_option(self, context: Any) -> Any:
        option = super().get_help_option(context)  # type: ignore[misc]
        if option is not None:
            option.default = False
        return option


class PlainGroup(_Help, TyperGroup):
    """A group of commands."""


class PlainCommand(_Help, TyperCommand):
    """A command that uses text values unchanged."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        hints = getattr(self.callback, "__annotations__", {})
        for parameter in self.params:
            hint = hints.get(parameter.name)
            if get_origin(hint) is Annotated and get_args(hint)[0] in (str, str | None) and parameter.callback is None:
                parameter.process_value = _as_it_is(parameter)  # type: ignore[assignment, method-assign]


def _as_it_is(parameter: Any) -> Callable[[Any, Any], Any]:
    """Return a function that returns a value unchanged, or processes a missing required value as the parameter does."""
    read = parameter.process_value

    def value_of(context: Any, value: Any) -> Any:
        return read(context, value) if value is None and parameter.required else value

    return value_of
