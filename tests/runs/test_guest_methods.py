"""Guest methods for every seam: each conforms, and is trained and judged in both precisions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asking
import pytest

import mobench.plugins
from mobench.jobs.job import Budget
from mobench.jobs.resolve import resolve
from mobench.plugins import Plugin, Registry
from mobench.runs.execution import execute
from mobench.testing import Case
from mobench.testing.conformance import cases_of

pytestmark = pytest.mark.slow

DISTRIBUTION = "guest-asking"


def registry_with_guests() -> Registry:
    registry = Registry.discover()
    registry.add(Plugin("asking", DISTRIBUTION, "1.0", module="asking"), asking)
    return registry


@pytest.fixture(autouse=True)
def _guests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mobench.plugins, "_of_process", [registry_with_guests()])


def cases() -> list[Case]:
    kinds = registry_with_guests().entries.values()
    entries = [entry for kind in kinds for entry in kind.values() if entry.plugin.distribution == DISTRIBUTION]
    return [case for entry in entries for case in cases_of(entry)]


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_guest_conforms(case: Case) -> None:
    result = case.run()
    assert result.state != "failed", result.message


SOLVERS: dict[str, dict[str, Any]] = {
    "stack+lengths": {"balancer.scope": "shared"},
    "phn+lengths": {"balancer.scope": "all"},
    "phn+progress": {},
    "phn+agreement": {},
    "phn+unit-signs": {},
    "stack+swarm": {},
    "phn+linear": {"sampler": "sharpening", "n_preferences": 2},
    "offsets+linear": {},
}


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_guest_is_trained_and_judged_in_both_precisions(solver: str, tmp_path: Path) -> None:
    for precision in ("fp32", "bf16"):
        budget = Budget(steps=6, batch_size=16, precision=precision)
        job = resolve("zdt1", "point", solver, SOLVERS[solver], budget, n_rays=3, n_finite=3)
        record = execute(job)
        assert record.status == "completed", record.failure
        assert record.job.budget.precision == precision
        assert bool(record.fronts["test"].preferences) == (solver != "stack+swarm")
