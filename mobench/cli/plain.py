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
    """A group of commands, whose own options are read only if they are given."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for parameter in self.params:  # Typer adds the options of completion after the construction
            if "process_value" not in vars(parameter):
                parameter.process_value = _if_given(parameter)  # type: ignore[assignment, method-assign]
        return super().parse_args(ctx, args)


class PlainCommand(_Help, TyperCommand):
    """A command that uses text values unchanged."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        hints = getattr(self.callback, "__annotations__", {})
        for parameter in self.params:
            hint = hints.get(parameter.name)
            if get_origin(hint) is Annotated and get_args(hint)[0] in (str, str | None) and parameter.callback is None:
                parameter.process_value = _as_it_is(parameter)  # type: ignore[assignment, method-assign]
            elif parameter.callback is None and not parameter.required and not parameter.multiple:
                parameter.process_value = _if_given(parameter)  # type: ignore[assignment, method-assign]


def _if_given(parameter: Any) -> Callable[[Any, Any], Any]:
    """Return a function that processes a value as the parameter does, and returns None or False unchanged."""
    read = parameter.process_value
    return lambda context, value: read(context, value) if value is not None and value is not False else value


def _as_it_is(parameter: Any) -> Callable[[Any, Any], Any]:
    """Return a function that returns a value unchanged, or processes a missing required value as the parameter does."""
    read = parameter.process_value

    def value_of(context: Any, value: Any) -> Any:
        return read(context, value) if value is None and parameter.required else value

    return value_of
