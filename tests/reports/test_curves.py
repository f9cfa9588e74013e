"""Curves: the rows equal the records' validation checks; plots/test_anytime.py tests the drawing."""

from __future__ import annotations

from pathlib import Path

import pytest
from in_process import InProcess

from mobench.jobs import plan as plans
from mobench.jobs import suite as suites
from mobench.records.store import Store
from mobench.reports.analysis.curves import curves
from mobench.runs.runner import run


@pytest.fixture
def store(tmp_path: Path) -> Store:
    suite = suites.Suite.model_validate(
        {
            "name": "c",
            "n_looks": 4,
            "budget": {"steps": 8, "batch_size": 16},
            "entries": [
                {"datasets": ["vlmop2"], "models": ["point"], "solvers": ["ls", "phn-ls"]},
                {
                    "datasets": ["mnist"],
                    "models": ["mnist-cnn"],
                    "solvers": ["ls"],
                    "set": {"source": "embedded", "limit": 90, "channels": 2},
                },
            ],
        }
    )
    new_store = Store(tmp_path)
    run(plans.plan(suite), new_store, InProcess())
    return new_store


@pytest.mark.slow
def test_rows_are_the_looks_of_the_records(store: Store) -> None:
    records = store.contents().records
    table = curves(records)
    assert len(table) == 3 * 4
    for record in records:
        part = table[(table["solver"] == record.job.solver.name) & (table["dataset"] == record.job.dataset.name)]
        assert list(part["step"]) == [2, 4, 6, 8]
        looks = [look.hypervolume for look in record.trace]
        if record.job.dataset.name == "mnist":  # one objective: the loss, 2 less the hypervolume
            assert list(part["value"]) == pytest.approx([2.0 - h for h in looks if h is not None])
            assert set(part["what"]) == {"validation loss"}
        else:
            assert list(part["value"]) == pytest.approx(looks)
