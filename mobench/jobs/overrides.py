"""Overrides: parts of a suite that the command line or a Python call selects or sets instead of the suite."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.errors import OptionError

if TYPE_CHECKING:
    from mobench.jobs.suite import Suite


@dataclass(frozen=True)
class Overrides:
    """Selection and settings that take precedence over those of a suite. Empty fields and None change nothing.

    datasets, models, solvers: names that the suite has, as a selection, or other names, which replace its own.
    settings: option -> value, for example {"lr": 0.001}.
    seeds:    seeds instead of the suite's.
    rays:     preferences [R][m] instead of the suite's.
    epochs, steps, seconds: training budget of each job; at most one of them.
    precision: "fp32" or "bf16", of the forward passes of each job.
    preset:   name of a preset of all solvers, which replaces that of each entry.
    csv, targets: a table of the user's own and its target columns, on which the suite's solvers are run.
    """

    datasets: Sequence[str] = ()
    models: Sequence[str] = ()
    solvers: Sequence[str] = ()
    settings: Mapping[str, Any] | None = None
    seeds: Sequence[int] = ()
    rays: Sequence[Sequence[float]] = ()
    epochs: float | None = None
    steps: int | None = None
    seconds: float | None = None
    precision: str | None = None
    preset: str | None = None
    csv: str | Path | None = None
    targets: Sequence[str] = ()

    def load(self, suite: str | Path) -> Suite:
        """Load a suite by its name or from its file, and override it.

        Raises: SuiteError, UnknownNameError, OptionError, DataError.
        """
        from mobench.jobs import suite as suites

        loaded = suites.load(suite)
        if self.csv is not None or self.targets:
            from mobench.jobs.user_table import on_table

            if self.datasets:
                raise OptionError("csv and dataset were both given: pass one of them")
            loaded = on_table(loaded, self.csv, self.targets)
        return suites.overridden(
            loaded,
            datasets=self.datasets,
            models=self.models,
            solvers=self.solvers,
            settings=self.settings,
            seeds=self.seeds,
            rays=self.rays,
            budget={
                "epochs": self.epochs,
                "steps": self.steps,
                "seconds": self.seconds,
                "precision": self.precision,
            },
            preset=self.preset,
        )
