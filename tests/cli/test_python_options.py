"""Commands take their options from Python functions: same names, defaults and texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import mobench
from mobench.cli.main import app
from mobench.cli.python_options import KINDS, Detail, argument_docs, command_options, options_of

COMMANDS = ("run", "leaderboard", "report", "plot", "export", "verify", "tune")
FLAGS = {"settings": "--set"}
PYTHON_ONLY = {"progress", "on_event"}
GROUP: Any = typer.main.get_command(app)
EMPTY = ("", None, (), [])
"""Defaults that mean "nothing": the command line writes them as an empty text."""


def options(command: str) -> dict[str, Any]:
    """Return the options of a command by the names of their parameters, without those that every command has."""
    return {
        option.name: option
        for option in GROUP.commands[command].params
        if option.name not in ("quiet", "as_json", "help")
    }


def parameters(command: str) -> dict[str, inspect.Parameter]:
    signature = inspect.signature(getattr(mobench, command))
    return {name: p for name, p in signature.parameters.items() if name not in PYTHON_ONLY}


def as_text(default: Any) -> Any:
    return ",".join(default) if isinstance(default, tuple) else default


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_has_the_parameters_of_its_function_and_their_defaults(command: str) -> None:
    assert list(options(command)) == list(parameters(command))
    for name, option in options(command).items():
        parameter = parameters(command)[name]
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
            assert FLAGS.get(name, "--" + name.replace("_", "-")) in option.opts
            default = as_text(parameter.default)
            assert option.default == default or (option.default in EMPTY and default in EMPTY), name
        else:
            assert option.param_type_name == "argument"


@pytest.mark.parametrize("command", COMMANDS)
def test_help_begins_with_the_sentence_of_the_docstring(command: str) -> None:
    documented = argument_docs(getattr(mobench, command))
    assert list(documented) == list(inspect.signature(getattr(mobench, command)).parameters)
    for name, option in options(command).items():
        sentence = documented[name].partition(". ")[0].removesuffix(".")
        help_text = option.help.removeprefix("Comma-separated ")
        assert help_text.casefold().startswith(sentence.casefold()), name


def test_a_parameter_of_run_and_tune_means_the_same_in_both() -> None:
    run, tune = parameters("run"), parameters("tune")
    shared = [name for name in tune if name in run and name not in ("suite", "jobs", "out", "dry_run")]
    assert {"dataset", "settings", "csv", "device"} < set(shared)
    documented = {command: argument_docs(getattr(mobench, command)) for command in ("run", "tune")}
    for name in shared:
        assert run[name].default == tune[name].default
        assert documented["run"][name] == documented["tune"][name]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_page_of_help_shows_the_texts(command: str) -> None:
    text = " ".join(CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400"}).output.split())
    for option in options(command).values():
        assert " ".join(option.help.split()) in text


def example(
    folder: str | Path,
    *,
    names: str | Path | None = None,
    count: int = 3,
    is_on: bool = True,
    listed: tuple[int, ...] = (),
) -> None:
    """Return nothing.

    Args:
        folder: A folder. It is read.
        names: Names of
            several lines.
        count: How many; default: three.
        is_on: Switch it on.

    Returns:
        None.
    """


def test_help_is_the_first_sentence_and_flags_follow_from_the_default() -> None:
    assert argument_docs(example)["names"] == "Names of several lines."

    def some(folder: str | Path, *, is_on: bool = True, count: int = 3) -> None:
        """Args:
        folder: A folder. It is read.
        """

    some.__annotations__.update(folder="str | Path", is_on="bool", count="int")
    folder, is_on, count = command_options(some, {})
    assert folder.default is inspect.Parameter.empty
    assert is_on.declaration.__metadata__[0].default == "--is-on/--no-is-on"
    assert (count.default, count.option) == (3, "--count")


def test_a_type_without_a_translation_and_a_detail_without_a_parameter_are_refused() -> None:
    with pytest.raises(TypeError, match=r"parameter listed is 'tuple\[int, \.\.\.\]': add the type to KINDS"):
        options_of(example)
    with pytest.raises(TypeError, match="has no parameter nosuch"):
        options_of(mobench.report, nosuch=Detail())


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        ("str | Sequence[str]", "a, b,a", ["a", "b"]),
        ("Sequence[int]", "0,2", [0, 2]),
        ("Sequence[Sequence[float]]", "[[0.5,0.5]]", [[0.5, 0.5]]),
        ("Mapping[str, Any] | None", ["lr=0.1", "name=x"], {"lr": 0.1, "name": "x"}),
        ("int | str | None", "2kB", 2000),
        ("int | str | None", "", None),
        ("Strategy | str | None", "", None),
        ("float | None", 0.5, 0.5),
    ],
)
def test_texts_become_the_values_of_python(annotation: str, text: Any, value: Any) -> None:
    assert KINDS[annotation].parse(text, "--option") == value


def test_a_command_receives_python_values() -> None:
    received: dict[str, Any] = {}

    def command(**values: Any) -> None:
        received.update(values)

    wrapped: Callable[..., None] = options_of(mobench.export)(command)
    defaults = {name: p.default for name, p in inspect.signature(wrapped).parameters.items()}
    wrapped(**{**defaults, "folder": Path("x"), "solver": "ls,phn-ls"})
    assert received["format"] == ["md", "csv"]
    assert received["solver"] == ["ls", "phn-ls"]
    assert received["columns"] == []
