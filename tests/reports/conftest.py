"""Records and trained networks for tests of tables, exports and of the page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from in_process import InProcess
from shared_folders import shared_folder

from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.jobs.resolve import resolve
from mobench.records.record import Cost, Failure, Provenance, Record, RecordedFront
from mobench.records.store import Store
from mobench.runs.execution import execute

PICTURES = {"source": "embedded", "pairs": 300, "test_pairs": 60}
FIT = {"phn-ls": {}, "cpmtl-ls": {}, "cosmos": {}, "chunked-phn-ls": {"generator.size": "fit"}}
"""Solvers whose network takes a preference, and the options that they need on LeNet."""


def _job(solver: str, seed: int = 0) -> Job:
    """A job of twenty steps on pairs of embedded digits."""
    settings = {**PICTURES, **FIT.get(solver, {})}
    budget = Budget(steps=20, batch_size=32)
    return resolve("multimnist", "lenet", solver, settings, budget, SeedSet.all(seed), n_rays=5)


@pytest.fixture(scope="session")
def picture_job() -> Callable[[str], Job]:
    """Return name of a solver -> its job in the trained folder."""
    return _job


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records and weights of every solver in FIT, and of a stack of nets; read-only."""

    def train(folder: Path) -> None:
        store = Store(folder / "pictures")
        for solver in (*FIT, "ls"):
            job = _job(solver)
            store.write(execute(job, threads=1, weights=store.weights(job)))

    return shared_folder(tmp_path_factory, "trained", train) / "pictures"


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the suite quick with two seeds, shortened to a few steps on few pairs of digits."""
    from mobench.jobs import plan as plans
    from mobench.jobs import suite as suites
    from mobench.records.store import Store
    from mobench.runs import runner

    few = {"pairs": PICTURES["pairs"], "test_pairs": PICTURES["test_pairs"]}
    suite = suites.overridden(suites.load("quick"), settings=few, seeds=[0, 1], budget={"steps": 6})
    return shared_folder(
        tmp_path_factory, "quick", lambda folder: runner.run(plans.plan(suite), Store(folder), InProcess())
    )


@pytest.fixture
def handmade() -> Callable[..., Record]:
    """Makes a record of two objectives at three preferences, every number of which is known.

    accuracies: split -> objective -> one value per preference. indicators: of the test split.
    """
    return _handmade


def _handmade(
    solver: str = "one",
    seed: int = 0,
    dataset: str = "data",
    *,
    model: str = "net",
    status: Any = "completed",
    indicators: Mapping[str, float] | None = None,
    accuracies: Mapping[str, Mapping[str, Sequence[float]]] | None = None,
    preferences: Sequence[Sequence[float]] = ((0.1, 0.9), (0.5, 0.5), (0.9, 0.1)),
    stored: int = 300,
) -> Record:
    job = Job(
        dataset=Part(name=dataset, version="1"), model=Part(name=model, version="1"),
        solver=SolverPart(name=solver, version="1"), budget=Budget(epochs=1), seeds=SeedSet.all(seed), protocol="p-1",
    )  # fmt: skip
    provenance = Provenance(
        started="2026-01-01", finished="2026-01-01", mobench="0", python="3", packages={}, platform="", processor="",
        threads=1, device="cpu",
    )  # fmt: skip
    common: dict[str, Any] = {"id": job.id, "job": job, "protocol": {"version": "p-1"}, "provenance": provenance}
    if status != "completed":
        return Record(status=status, objectives=[], failure=Failure(kind="E", message="no"), **common)
    n = len(preferences)
    # of each solver and seed its own, for equal records are flagged
    losses = [[0.1 + i / n, 0.9 - i / n + seed / 1e4 + len(solver) / 1e6] for i in range(n)]
    fronts = {
        split: RecordedFront(
            preferences=[list(p) for p in preferences], losses=losses, n_samples=10,
            metrics={f"{o}/accuracy": list(v) for o, v in (accuracies or {}).get(split, {}).items()},
        )
        for split in ("train", "val", "test")
    }  # fmt: skip
    test: dict[str, float | None] = {"hypervolume": 3.0, "non_uniformity": 0.25, "n_non_dominated": 3.0}
    cost = Cost(
        training_seconds=10, evaluation_seconds=1, steps=5, epochs=1, stored_parameters=stored, served_parameters=100,
        n_models=3, peak_bytes=2_000_000, switch_seconds=0.001, inference_seconds_per_sample=0.002,
    )  # fmt: skip
    return Record(
        status="completed", objectives=["a", "b"], fronts=fronts, cost=cost,
        indicators={split: {**test, **(indicators or {})} for split in ("train", "val", "test")}, **common,
    )  # fmt: skip
