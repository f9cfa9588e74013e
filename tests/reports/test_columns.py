"""The catalogue of columns against the committed leaderboards, and against the declarations of the datasets."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports.analysis.costs import CONSTANT_COSTS, COSTS
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.analysis.measurements import quantities
from mobench.reports.page.column_groups import columns
from mobench.reports.tables.columns import HALF, HIGH, LOW, catalogue, column, directions_of, is_metric, is_spread
from mobench.reports.tables.ray_table import per_ray

RESULTS = Path(__file__).parents[2] / "results"


def records(suite: str) -> list[Record]:
    return Store(RESULTS / suite).contents().records


@pytest.mark.parametrize("suite", ["analytic", "compression", "methods", "report", "roles", "sequence", "standard"])
def test_every_column_of_a_leaderboard_is_known(suite: str) -> None:
    read = records(suite)
    table = leaderboard(read).table
    for name in map(str, table.columns):
        if is_spread(name):
            continue
        described = column(name)
        assert described.name == name
        has_spread = name in quantities(read) and name not in CONSTANT_COSTS
        assert [name + suffix in table.columns for suffix in (LOW, HIGH)] == [has_spread] * 2, name
        assert (name + HALF in table.columns) == (has_spread and described.statistic == "mean"), name
        assert "missing in the catalogue" not in described.meaning, name
        assert described.text == (not pd.api.types.is_numeric_dtype(table[name])), name


def test_every_cost_is_described_and_stands_in_the_cost_group_of_the_page() -> None:
    assert [c.name for c in catalogue() if c.name in COSTS] == list(COSTS)
    groups = {described["name"]: described["group"] for described in columns([c.name for c in catalogue()], [], {})}
    assert {name for name, group in groups.items() if group == "cost"} == set(COSTS)


def test_every_column_of_the_table_of_preferences_is_known() -> None:
    for name in per_ray(records("report")).columns:
        assert "missing in the catalogue" not in column(name).meaning, name


@pytest.mark.slow
def test_a_metric_is_better_the_way_its_dataset_says() -> None:
    directions = directions_of([*records("compression"), *records("methods"), *records("analytic")])
    assert directions["mnist", "class/error"] == "lower"
    assert directions["mnist", "class/accuracy"] == "higher"
    assert column("class/error (middle ray)", "mnist", directions).better == "lower"
    assert column("left/accuracy (middle ray)", "multimnist", directions).better == "higher"
    assert column("test accuracy", "multimnist", directions).better == "higher"
    assert column("left/accuracy (middle ray)", "elsewhere", directions).better == ""
    assert not [key for key in directions if key[0].startswith("zdt")]


def test_a_dataset_that_is_not_installed_has_no_directions() -> None:
    (record,) = [r for r in records("methods") if r.job.solver.name == "ls"]
    raw = record.job.model_dump()
    raw["dataset"]["name"] = "not-installed"
    uninstalled = record.model_copy(update={"job": type(record.job).model_validate(raw)})
    assert directions_of([uninstalled]) == {}


@pytest.mark.parametrize(
    ("name", "better", "unit", "heading"),
    [
        ("hypervolume", "higher", "", "hypervolume"),
        ("training s", "lower", "s", "training [s]"),
        ("peak MB", "lower", "MB", "peak memory [MB]"),
        ("ε", "lower", "", "ε"),
        ("solver", "", "", "solver"),
        ("test left loss", "lower", "", "test left loss"),
        ("hypervolume at K = 7", "higher", "", "hypervolume at K = 7"),
        ("what nobody knows", "", "", "what nobody knows"),
    ],
)
def test_columns_by_hand(name: str, better: str, unit: str, heading: str) -> None:
    described = column(name)
    assert (described.better, described.unit, described.heading) == (better, unit, heading)


def test_a_definition_has_two_lines_with_direction_statistic_and_source() -> None:
    for col in catalogue():
        what, how = col.definition
        assert what == f"{col.name}: {col.meaning}"
        assert "\n" not in what + how
        if not col.text:
            assert {"higher": "↑ larger is better", "lower": "↓ smaller is better", "": "no direction"}[
                col.better
            ] in how
            assert f"{col.statistic} over seeds" in how
    assert column("IGD+").definition[1] == "↓ smaller is better; mean over seeds; source: Ishibuchi et al., EMO 2015"
    assert column("o/m (first ray)").definition[1].startswith("direction as the dataset declares")
    assert is_metric("o/m (first ray)")
    assert not is_metric("hypervolume")


def test_counts_times_and_memory_are_medians_and_cannot_be_negative() -> None:
    for col in catalogue():
        if col.name in COSTS or col.name == "non-dominated":
            assert col.statistic == "median", col.name
            assert col.bounds == (0.0, float("inf")), col.name
