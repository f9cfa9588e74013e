"""Command-line options that select parts of a suite and override its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mobench.jobs.suite import Suite

Datasets = Annotated[str, typer.Option("--dataset", help="Comma-separated datasets, of the suite or others.")]
Models = Annotated[str, typer.Option("--model", help="Comma-separated models, of the suite or others.")]
Solvers = Annotated[
    str, typer.Option("--solver", help="Comma-separated solvers, of the suite or others: names, or generator+balancer.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", help="An option, key=value, which overrides the suite; may be repeated."),
]
Seeds = Annotated[str, typer.Option("--seeds", help="Seeds instead of the suite's: 0,1,2.")]
Rays = Annotated[str, typer.Option("--rays", help="Preferences instead of the suite's: '[[0.4,0.6],[0.6,0.4]]'.")]
Epochs = Annotated[float | None, typer.Option("--epochs", help="Epochs of training for each job.")]
Steps = Annotated[int | None, typer.Option("--steps", help="Steps of training for each job.")]
Seconds = Annotated[float | None, typer.Option("--seconds", help="Seconds of training for each job.")]


def overridden(
    suite: str,
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
) -> Suite:
    """Load a suite and apply the overriding options. Raises: SuiteError, UnknownNameError, OptionError."""
    from mobench.jobs import arguments
    from mobench.jobs import suite as suites

    return suites.overridden(
        suites.load(suite),
        datasets=arguments.parse_names(dataset, "--dataset"),
        models=arguments.parse_names(model, "--model"),
        solvers=arguments.parse_names(solver, "--solver"),
        settings=arguments.parse_settings(settings or []),
        seeds=arguments.parse_seeds(seeds),
        budget={"epochs": epochs, "steps": steps, "seconds": seconds},
        rays=arguments.parse_rays(rays),
    )
