"""Trained networks for tests of exports and of the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mobench.runs.execution import execute
from mobench.runs.job import Budget, Job, SeedSet
from mobench.runs.resolve import resolve
from mobench.runs.store import Store

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
    """A solver's name to its job, as it is in the trained folder."""
    return _job


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records and weights of every solver in FIT, and of a stack of nets: for reading alone."""
    store = Store(tmp_path_factory.mktemp("trained") / "pictures")
    for solver in (*FIT, "ls"):
        job = _job(solver)
        store.write(execute(job, threads=1, weights=store.weights(job)))
    return store.folder


@pytest.fixture(scope="session")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of the suite quick with two seeds, shortened to a few steps."""
    from mobench.runs import runner
    from mobench.runs import suite as suites
    from mobench.runs.executor import LocalExecutor
    from mobench.runs.store import Store

    folder = tmp_path_factory.mktemp("quick")
    suite = suites.overridden(suites.load("quick"), seeds=[0, 1], budget={"steps": 6})
    runner.run(suites.plan(suite), Store(folder), LocalExecutor(2))
    return folder
