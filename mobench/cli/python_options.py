"""Options of a command from the signature and the docstring of its Python function.

The Python function is the definition: names, order, defaults, and the first sentence of each entry under "Args:" as
help. Positional parameters become arguments and keyword-only parameters become options. `KINDS` translates the types
of Python parameters to texts of the command line.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from mobench.cli.completion import OF_OPTIONS

PYTHON_ONLY = ("progress", "on_event")
"""Parameters without an option: `--quiet` hides progress, and `--json` writes events."""


@dataclass(frozen=True)
class OptionKind:
    """How the command line reads a type of Python parameters.

    hint: type for typer.
    parse: called with the text and the name of the option; returns the Python value.
    text:  called with the Python default; returns the default of the option.
    help: form of the help text, from the sentence of the docstring.
    """

    hint: Any
    parse: Callable[[Any, str], Any] = lambda value, option: value
    text: Callable[[Any], Any] = lambda default: default
    help: str = "{sentence}"


@dataclass(frozen=True)
class Detail:
    """What an option has only in the command line.

    flag: its name, if it is not that of the parameter.
    short: a second name of one letter, such as -o.
    is_repeated: whether names are given one by one instead of separated by commas.
    kind: how it is read, if that does not follow from its type.
    is_optional: whether the command does something without this positional parameter.
    more: further settings for typer, such as `min`.
    """

    flag: str = ""
    short: str = ""
    is_repeated: bool = False
    kind: OptionKind | None = None
    is_optional: bool = False
    more: Mapping[str, Any] | None = None


def _parser(name: str) -> Callable[[Any, str], Any]:
    """Return a function of `mobench.jobs.arguments`, whose import takes as long as all of `mobench list`."""
    return lambda text, option: getattr(import_module("mobench.jobs.arguments"), name)(text, option)


TEXT = OptionKind(str)
KINDS: Mapping[str, OptionKind] = {
    "bool": OptionKind(bool),
    "int": OptionKind(int),
    "float": OptionKind(float),
    "str": TEXT,
    "int | None": OptionKind(int | None),
    "float | None": OptionKind(float | None),
    "str | None": OptionKind(str | None),
    "Precision | None": OptionKind(str | None),
    "str | Path": OptionKind(Path),
    "str | Path | None": OptionKind(Path | None),
    "str | Path | Sequence[str | Path]": OptionKind(list[Path]),
    "str | Sequence[str]": OptionKind(str, _parser("parse_names"), ",".join, "Comma-separated {lower}"),
    "Sequence[int]": OptionKind(str, _parser("parse_seeds"), lambda default: "", "{sentence}: 0,1,2"),
    "Sequence[Sequence[float]]": OptionKind(
        str, _parser("parse_rays"), lambda default: "", "{sentence}: '[[0.4,0.6],[0.6,0.4]]'"
    ),
    "Mapping[str, Any] | None": OptionKind(
        list[str] | None,
        lambda texts, option: _parser("parse_settings")(texts or [], option),
        help="{sentence}: key=value; may be repeated",
    ),
    "int | str | None": OptionKind(str, _parser("parse_bytes"), lambda default: ""),
    "Strategy | str | None": OptionKind(str, lambda text, option: text or None, lambda default: ""),
}
"""Annotation of a Python parameter, as it is written -> how the command line reads it."""
SEVERAL = OptionKind(list[str] | None, lambda names, option: list(names or ()), lambda default: None)
REPEATED = replace(SEVERAL, help="{sentence}; may be repeated")


@dataclass(frozen=True)
class CommandOption:
    """An option or argument of a command.

    declaration: the annotated type for typer.
    default: its default; `inspect.Parameter.empty` if it is required.
    """

    name: str
    option: str
    kind: OptionKind
    declaration: Any
    default: Any


def options_of(function: Callable[..., Any], **details: Detail) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a Python function; it receives the Python values by keyword.

    details: parameter -> what its option has only in the command line.

    Raises: TypeError for a parameter whose type is not in `KINDS`, and for a detail of a parameter that does not exist.
    """
    options = command_options(function, details)

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @wraps(command)
        def with_python_values(**texts: Any) -> None:
            values = {o.name: o.kind.parse(texts.pop(o.name), o.option) for o in options}
            command(**values, **texts)

        parameters = [
            inspect.Parameter(o.name, inspect.Parameter.KEYWORD_ONLY, default=o.default, annotation=o.declaration)
            for o in options
        ]
        with_python_values.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        return with_python_values

    return decorate


def command_options(function: Callable[..., Any], details: Mapping[str, Detail]) -> list[CommandOption]:
    """Return the options of a command, in the order of the function's parameters. Raises: as `options_of`."""
    parameters = {
        name: parameter for name, parameter in inspect.signature(function).parameters.items() if name not in PYTHON_ONLY
    }
    if unknown := details.keys() - parameters.keys():
        raise TypeError(f"{function.__name__} has no parameter {', '.join(unknown)}: correct its details")
    return [_option(function, parameter, details.get(name, Detail())) for name, parameter in parameters.items()]


def _option(function: Callable[..., Any], parameter: inspect.Parameter, detail: Detail) -> CommandOption:
    name, written = parameter.name, parameter.annotation
    kind = detail.kind or (REPEATED if detail.is_repeated else KINDS.get(written))
    if kind is None:
        raise TypeError(f"{function.__name__}: parameter {name} is {written!r}: add the type to KINDS")
    sentence = _sentence(argument_docs(function).get(name, ""))
    text = kind.help.format(sentence=sentence, lower=sentence[:1].lower() + sentence[1:])
    settings = {"help": f"{text}.", "autocompletion": OF_OPTIONS.get(name), **(detail.more or {})}
    flag = detail.flag or option_name(name)
    if parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD:
        is_required = parameter.default is inspect.Parameter.empty and not detail.is_optional
        default = inspect.Parameter.empty if is_required else None
        hint = kind.hint | None if detail.is_optional else kind.hint
        return CommandOption(name, name, kind, Annotated[hint, typer.Argument(**settings)], default)
    default = kind.text(parameter.default)
    names = f"{flag}/{flag.replace('--', '--no-', 1)}" if default is True else flag
    declared = [names, *filter(None, [detail.short])]
    return CommandOption(name, flag, kind, Annotated[kind.hint, typer.Option(*declared, **settings)], default)


def option_name(parameter: str) -> str:
    """Return the option of a parameter: "--keep-weights" for "keep_weights"."""
    return "--" + parameter.replace("_", "-")


@cache
def argument_docs(function: Callable[..., Any]) -> dict[str, str]:
    """Return parameter -> text, from the section "Args:" of a docstring; empty where Python removed docstrings."""
    doc = inspect.getdoc(function) or ""
    section = re.search(r"^Args:\n((?: .*\n|\n)*)", f"{doc}\n", re.MULTILINE)
    entries = re.split(r"^    (\w+): ", section[1] if section else "", flags=re.MULTILINE)[1:]
    return {name: " ".join(text.split()) for name, text in zip(entries[::2], entries[1::2], strict=True)}


def _sentence(text: str) -> str:
    """Return the first sentence of a text without its full stop."""
    return re.split(r"\.(?: |$)", text, maxsplit=1)[0]
