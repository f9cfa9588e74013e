"""Quantities of the leaderboard, recomputed from the points of committed records."""

from __future__ import annotations

from pathlib import Path

import moocore
import numpy as np
import pytest

from mobench.records.record import Failure, Record
from mobench.records.store import Store
from mobench.reports.analysis.measurements import NAMES, measurements, quantities

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def methods() -> dict[str, Record]:
    return {r.id: r for r in Store(RESULTS / "methods").contents().records}


@pytest.mark.parametrize("suite", ["analytic", "methods"])
def test_hypervolumes_are_moocores_of_the_recorded_points(suite: str) -> None:
    records = {r.id: r for r in Store(RESULTS / suite).contents().records}
    for row in measurements(list(records.values())).itertuples():
        record = records[row.id]
        volume = moocore.hypervolume(np.array(record.fronts["test"].losses), ref=record.protocol["reference"])
        assert row.hypervolume == pytest.approx(volume, rel=1e-9), record.job.title


def test_the_gap_is_that_of_two_hypervolumes(methods: dict[str, Record]) -> None:
    for row in measurements(list(methods.values())).to_dict("records"):
        fronts, reference = methods[row["id"]].fronts, methods[row["id"]].protocol["reference"]
        val, test = (moocore.hypervolume(np.array(fronts[s].losses), ref=reference) for s in ("val", "test"))
        assert row["validation − test"] == pytest.approx(val - test, abs=1e-9)


def test_distances_are_to_the_pooled_front(methods: dict[str, Record]) -> None:
    points = np.concatenate([r.fronts["test"].losses for r in methods.values()])
    dominated = ((points[None] <= points[:, None]).all(2) & (points[None] < points[:, None]).any(2)).any(1)
    pool = np.unique(points[~dominated], axis=0)
    for row in measurements(list(methods.values())).to_dict("records"):
        front = np.array(methods[row["id"]].fronts["test"].losses)
        excess = front[None] - pool[:, None]
        igd_plus = np.linalg.norm(np.maximum(excess, 0), axis=2).min(axis=1).mean()
        assert row["IGD+"] == pytest.approx(igd_plus, abs=1e-9)
        assert row["ε"] == pytest.approx(excess.max(axis=2).min(axis=1).max(), abs=1e-9)


def test_r2_is_over_the_same_rays_for_everybody(methods: dict[str, Record]) -> None:
    rays = np.array(max((r.fronts["test"].preferences for r in methods.values()), key=len))
    assert len(rays) == 25
    for row in measurements(list(methods.values())).to_dict("records"):
        record = methods[row["id"]]
        above = np.array(record.fronts["test"].losses) - record.protocol["ideal"]
        assert row["R2"] == pytest.approx(np.mean([(ray * abs(above)).max(axis=1).min() for ray in rays]))


def test_metrics_stand_at_the_ends_and_the_most_balanced_ray(methods: dict[str, Record]) -> None:
    for row in measurements(list(methods.values())).to_dict("records"):
        front = methods[row["id"]].fronts["test"]
        middle = min(range(len(front.preferences)), key=lambda i: np.ptp(front.preferences[i]), default=None)
        for name, values in front.metrics.items():
            metrics_at_rays = [row[f"{name} ({place} ray)"] for place in ("first", "middle", "last")]
            if middle is None:  # points that belong to no preference
                assert np.isnan(metrics_at_rays).all()
                continue
            assert metrics_at_rays == [values[0], values[middle], values[-1]]


def test_costs_are_those_of_the_record(methods: dict[str, Record]) -> None:
    for row in measurements(list(methods.values())).to_dict("records"):
        cost = methods[row["id"]].cost
        assert cost is not None
        assert (row["training s"], row["steps"], row["nets"]) == (cost.training_seconds, cost.steps, cost.n_models)
        assert (row["stored parameters"], row["peak MB"]) == (cost.stored_parameters, cost.peak_bytes / 1e6)
        if cost.switch_seconds is None:  # points that belong to no preference
            assert np.isnan(row["switch ms"])
        else:
            assert row["switch ms"] == cost.switch_seconds * 1000


def test_processor_time_is_a_column_where_some_record_has_it(methods: dict[str, Record]) -> None:
    untimed = []
    for record in methods.values():
        assert record.cost is not None
        cost = record.cost.model_copy(update={"training_core_seconds": None})
        untimed.append(record.model_copy(update={"cost": cost}))
    first, *others = untimed
    assert first.cost is not None
    assert "training core-s" not in measurements(untimed)
    cost = first.cost.model_copy(update={"training_core_seconds": 2.5})
    column = measurements([first.model_copy(update={"cost": cost}), *others]).set_index("id")["training core-s"]
    assert column[first.id] == 2.5
    assert column.drop(first.id).isna().all()


def test_a_failed_job_has_a_row_and_no_quality(methods: dict[str, Record]) -> None:
    completed = list(methods.values())
    failed = completed[0].model_copy(
        update={
            "status": "failed",
            "fronts": {},
            "indicators": {},
            "cost": None,
            "failure": Failure(kind="E", message="x"),
        }
    )
    table = measurements([failed, *completed[1:]]).set_index("id")
    assert table.loc[failed.id, "status"] == "failed"
    assert table.loc[failed.id, quantities(completed)].isna().all()


def test_the_order_of_records_does_not_matter(methods: dict[str, Record]) -> None:
    records = list(methods.values())
    table = measurements(records)
    assert table.equals(measurements(records[::-1]))
    assert list(table.columns) == [*NAMES, *quantities(records)]
