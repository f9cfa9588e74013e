"""What tests of tables share."""

from __future__ import annotations

from pathlib import Path

import pytest


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
