"""Records made by hand, so that all drawn values are known."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.metrics.indicators import hypervolume
from mobench.records.record import Cost, Provenance, Record, RecordedFront, TracePoint
from mobench.reports.plots.style import theme

PROVENANCE = Provenance(
    started="2026-01-01", finished="2026-01-01", mobench="0", python="3", packages={}, platform="", processor="",
    threads=1, device="cpu",
)  # fmt: skip
RAYS = [[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]]
LOSSES = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]


def record(
    solver: str = "one",
    seed: int = 0,
    losses: list[list[float]] = LOSSES,
    *,
    rays: list[list[float]] | None = None,
    dataset: str = "data",
    objectives: tuple[str, ...] = ("a", "b"),
    reference: list[float] | None = None,
    trace: list[tuple[int, float, float]] = [],  # noqa: B006  (step, seconds, hypervolume), never changed
    cost: dict[str, float] | None = None,
    cores: float | None = None,
) -> Record:
    """A completed record whose hypervolume is that of its losses. `cost`: fields that differ from the default.

    cores: average number of busy cores during the trace; None: not measured.
    """
    m = len(losses[0])
    bound = reference or [1.0] * m
    if rays is None:
        rays = RAYS if (m, len(losses)) == (2, 3) else [[1 / m] * m] * len(losses)
    job = Job(
        dataset=Part(name=dataset, version="1"), model=Part(name="net", version="1"),
        solver=SolverPart(name=solver, version="1"), budget=Budget(epochs=1), seeds=SeedSet.all(seed), protocol="p",
    )  # fmt: skip
    default_cost = {
        "training_seconds": 10, "evaluation_seconds": 1, "steps": 5, "epochs": 1, "stored_parameters": 300,
        "served_parameters": 100, "n_models": 1, "peak_bytes": 2_000_000, "switch_seconds": 0.001,
        "inference_seconds_per_sample": 0.002,
    }  # fmt: skip
    return Record(
        id=job.id, status="completed", job=job, objectives=list(objectives), provenance=PROVENANCE,
        protocol={"version": "p", "reference": bound, "ideal": [0.0] * m},
        fronts={"test": RecordedFront(preferences=rays, losses=losses, n_samples=10)},
        indicators={"test": {"hypervolume": hypervolume(losses, bound), "igd_plus": 0.1, "epsilon": 0.1}},
        cost=Cost.model_validate({**default_cost, **(cost or {})}),
        trace=[
            TracePoint(
                step=s, epoch=s, seconds=t, core_seconds=None if cores is None else cores * t,
                gradient_evaluations=10 * s, train_losses=[1.0], hypervolume=h,
            )
            for s, t, h in trace
        ],
    )  # fmt: skip


@pytest.fixture
def make() -> Callable[..., Record]:
    return record


@pytest.fixture
def themed() -> Iterator[Any]:
    """Figures are made in the theme that they are saved in."""
    with theme():
        yield
