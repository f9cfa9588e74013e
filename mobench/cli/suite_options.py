"""Command-line options that several commands share: those that override a suite, and the device."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Annotated, Any

import typer

from mobench.jobs.overrides import Overrides

Device = Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, ….")]
OPTIONS: dict[str, tuple[Any, Any]] = {
    "dataset": (
        Annotated[str, typer.Option("--dataset", help="Comma-separated datasets, of the suite or others.")],
        "",
    ),
    "model": (Annotated[str, typer.Option("--model", help="Comma-separated models, of the suite or others.")], ""),
    "solver": (
        Annotated[
            str,
            typer.Option(
                "--solver", help="Comma-separated solvers, of the suite or others: names, or generator+balancer."
            ),
        ],
        "",
    ),
    "settings": (
        Annotated[
            list[str] | None,
            typer.Option("--set", help="An option, key=value, which overrides the suite; may be repeated."),
        ],
        None,
    ),
    "seeds": (Annotated[str, typer.Option("--seeds", help="Seeds instead of the suite's: 0,1,2.")], ""),
    "rays": (
        Annotated[str, typer.Option("--rays", help="Preferences instead of the suite's: '[[0.4,0.6],[0.6,0.4]]'.")],
        "",
    ),
    "epochs": (Annotated[float | None, typer.Option("--epochs", help="Epochs of training for each job.")], None),
    "steps": (Annotated[int | None, typer.Option("--steps", help="Steps of training for each job.")], None),
    "seconds": (Annotated[float | None, typer.Option("--seconds", help="Seconds of training for each job.")], None),
    "preset": (
        Annotated[
            str | None,
            typer.Option("--preset", help="A preset of the solvers, see `mobench show SOLVER`: paper."),
        ],
        None,
    ),
    "precision": (
        Annotated[
            str | None,
            typer.Option("--precision", help="Forward passes in float32 (fp32) or with bfloat16 autocast (bf16)."),
        ],
        None,
    ),
}
"""Name of an option's parameter -> its declaration and its default."""


def takes_overrides(function: Callable[..., None]) -> Callable[..., None]:
    """Replace the parameter `overrides` of a command by the options that override a suite.

    The function receives them as one `Overrides`. Raises: OptionError for a value that cannot be parsed.
    """
    signature = inspect.signature(function, eval_str=True)

    @wraps(function)
    def command(**values: Any) -> None:
        overrides = parse_overrides(**{name: values.pop(name) for name in OPTIONS})
        function(overrides=overrides, **values)

    options = [
        inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=declaration)
        for name, (declaration, default) in OPTIONS.items()
    ]
    index = list(signature.parameters).index("overrides")
    parameters = list(signature.parameters.values())
    command.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*parameters[:index], *options, *parameters[index + 1 :]]
    )
    return command


def parse_overrides(
    *,
    dataset: str,
    model: str,
    solver: str,
    settings: Sequence[str] | None,
    seeds: str,
    rays: str,
    epochs: float | None,
    steps: int | None,
    seconds: float | None,
    precision: str | None,
    preset: str | None,
) -> Overrides:
    """Parse the overrides of a command line. Raises: OptionError."""
    from mobench.jobs import arguments

    return Overrides(
        datasets=arguments.parse_names(dataset, "--dataset"),
        models=arguments.parse_names(model, "--model"),
        solvers=arguments.parse_names(solver, "--solver"),
        settings=arguments.parse_settings(settings or []),
        seeds=arguments.parse_seeds(seeds),
        rays=arguments.parse_rays(rays),
        epochs=epochs,
        steps=steps,
        seconds=seconds,
        precision=precision,
        preset=preset,
    )
