"""A solver of points without preferences, from the job to the leaderboard: what needs preferences is empty."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mobench.errors import MobenchError
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.records.networks import load
from mobench.records.record import Record, parse
from mobench.records.store import Store
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.plots.contenders import family_of
from mobench.reports.tables.content import content
from mobench.runs.execution import execute


@pytest.fixture(scope="module")
def record() -> Record:
    return execute(resolve.resolve("vlmop2", "point", "moo-svgd", {"solver.lr": 0.01}, Budget(steps=30), n_finite=6))


def test_the_record_has_points_and_no_preferences(record: Record) -> None:
    assert record.status == "completed", record.failure
    for front in record.fronts.values():
        assert (front.preferences, len(front.losses)) == ([], 6)
    assert {"test", "val", "train", "test@6"} == set(record.indicators)
    for values in record.indicators.values():
        assert values["hypervolume"] is not None
        assert values["igd_plus"] is not None
        for name in ("r2", "non_uniformity", "non_uniformity_worst", "controllability", "controllability_0"):
            assert values[name] is None, name
    assert record.cost is not None
    assert (record.cost.switch_seconds, record.cost.n_models) == (None, 6)
    assert record.cost.inference_seconds_per_sample > 0


def test_it_is_read_back(record: Record) -> None:
    assert parse(record.to_json(), "record.json") == record


def test_columns_of_preferences_are_empty(record: Record, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(record)
    store.write(execute(resolve.resolve("vlmop2", "point", "ls", {}, Budget(steps=30), n_finite=6)))
    records = store.contents().records
    table = content(leaderboard(records), records).frame.set_index("solver")
    for column in ("non-uniformity", "controllability", "switch ms"):
        assert pd.isna(table.loc["moo-svgd", column]), column
        assert pd.notna(table.loc["ls", column]), column
    assert family_of(record) == "points without preferences"


@pytest.mark.parametrize("solver", ["moo-svgd", "nsga2"])
def test_its_weights_are_not_those_of_a_network_that_takes_preferences(solver: str, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    record = execute(resolve.resolve("vlmop2", "point", solver, {}, Budget(steps=3)), weights=weights)
    assert weights.is_file()
    with pytest.raises(MobenchError, match=f"{solver} trains points that belong to no preference"):
        load(record, weights)
