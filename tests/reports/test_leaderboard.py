"""Leaderboards from records made by hand, so that every cell is known."""

from __future__ import annotations

import math
from typing import Any

import pytest

from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.records.record import Cost, Failure, Provenance, Record, RecordedFront
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.tables.table_files import to_csv, to_markdown

COST = Cost(
    training_seconds=10, evaluation_seconds=1, steps=5, epochs=1, stored_parameters=300, served_parameters=100,
    n_models=3, peak_bytes=2_000_000, switch_seconds=0.001, inference_seconds_per_sample=0.002,
)  # fmt: skip
PROVENANCE = Provenance(
    started="2026-01-01", finished="2026-01-01", mobench="0", python="3", packages={}, platform="", processor="",
    threads=1, device="cpu",
)  # fmt: skip


def record(
    solver: str = "one",
    seed: int = 0,
    hypervolume: float = 3.0,
    *,
    status: Any = "completed",
    protocol: str = "p-1",
    options: dict[str, Any] | None = None,
    budget: Budget | None = None,
    losses: list[list[float]] | None = None,
    extra: dict[str, float] | None = None,
    dataset: str = "data",
) -> Record:
    job = Job(
        dataset=Part(name=dataset, version="1"),
        model=Part(name="net", version="1"),
        solver=SolverPart(name=solver, version="1", options=options or {}),
        budget=budget or Budget(epochs=1),
        seeds=SeedSet.all(seed),
        protocol=protocol,
    )
    common: dict[str, Any] = {"id": job.id, "job": job, "protocol": {"version": protocol}, "provenance": PROVENANCE}
    if status != "completed":
        return Record(status=status, objectives=[], failure=Failure(kind="E", message="no"), **common)
    points = losses or [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1 + hypervolume / 1000 + seed / 1e4]]
    front = RecordedFront(
        preferences=[[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]], losses=points, metrics={"a/accuracy": [0.7, 0.8, 0.9]},
        n_samples=10,
    )  # fmt: skip
    test = {
        "hypervolume": hypervolume, "gd": None, "r2": 0.1, "non_uniformity": 0.02, "controllability": 1.0,
        "spacing": 0.0, "n_non_dominated": 3.0, **(extra or {}),
    }  # fmt: skip
    indicators = {
        "train": test, "val": {**test, "hypervolume": hypervolume + 0.25}, "test": test,
        "test@5": {**test, "hypervolume": hypervolume - 0.5},
    }  # fmt: skip
    return Record(
        status="completed", objectives=["a", "b"], fronts={"test": front}, indicators=indicators, cost=COST, **common
    )


def rows(*records: Record) -> list[dict[Any, Any]]:
    return leaderboard(records).table.to_dict("records")


def test_a_row_is_the_mean_over_seeds_with_its_interval() -> None:
    (row,) = rows(record(seed=0, hypervolume=3.0), record(seed=1, hypervolume=3.2))
    assert row["seeds"] == 2
    assert row["hypervolume"] == pytest.approx(3.1)
    assert row["hypervolume ±"] == pytest.approx(12.7062 * 0.1, rel=1e-4)
    assert row["hypervolume at equal K"] == pytest.approx(2.6)
    assert row["validation − test"] == pytest.approx(0.25)
    assert row["a/accuracy (middle ray)"] == pytest.approx(0.8)
    assert (row["nets"], row["stored parameters"], row["peak MB"], row["switch ms"]) == (3, 300, 2.0, 1.0)


def test_rows_are_ordered_by_hypervolume_and_ranked() -> None:
    records = [record(name, s, hv + s / 1e6) for name, hv in (("b", 1.0), ("a", 2.0), ("c", 3.0)) for s in (0, 1)]
    assert [(r["rank"], r["solver"]) for r in rows(*records)] == [("1", "c"), ("2", "a"), ("3", "b")]


def test_the_order_of_records_does_not_matter() -> None:
    records = [record(name, s, 1.0 + s) for name in ("a", "b") for s in (0, 1, 2)]
    assert to_csv(leaderboard(records)) == to_csv(leaderboard(records[::-1]))
    assert to_markdown(leaderboard(records)) == to_markdown(leaderboard(records[::-1]))


def test_failed_and_missing_jobs_are_shown_apart_and_never_imputed() -> None:
    table_rows = rows(
        record("whole", 0), record("whole", 1), record("broken", 0, 9.0), record("broken", 1, status="failed"),
        record("short", 0, 9.5), record("gone", 0, status="diverged"), record("gone", 1, status="diverged"),
    )  # fmt: skip
    assert [(r["solver"], r["rank"], r["status"]) for r in table_rows] == [
        ("whole", "1", "complete"),
        ("broken", "–", "failed at seed 1"),
        ("gone", "–", "diverged at seed 0; diverged at seed 1"),
        ("short", "–", "no record at seed 1"),
    ]
    assert math.isnan(table_rows[2]["hypervolume"])


def test_protocols_do_not_mix_and_what_is_left_out_is_named() -> None:
    board = leaderboard([record("a", 0), record("b", 0), record("c", 0, protocol="p-2")])
    assert list(board.table["solver"]) == ["a", "b"]
    (line,) = board.left_out
    assert line.startswith("c seed 0")
    assert "protocol is p-2, the table's is p-1" in line


def test_budgets_do_not_mix() -> None:
    board = leaderboard([record("a", 0), record("b", 0), record("c", 0, budget=Budget(epochs=9))])
    assert list(board.table["solver"]) == ["a", "b"]
    assert '{"epochs":9.0' in board.left_out[0]


def test_one_solver_with_several_options_has_a_row_for_each() -> None:
    table_rows = rows(
        record("a", 0, 1.0, options={"lr": 0.1, "k": 1}), record("a", 0, 2.0, options={"lr": 0.2, "k": 1})
    )
    assert [r["solver"] for r in table_rows] == ["a (solver.lr=0.2)", "a (solver.lr=0.1)"]


def test_an_option_that_a_job_does_not_state_is_not_in_its_label() -> None:
    """Jobs leave added options out while they have their default."""
    table_rows = rows(
        record("a", 0, 1.0, options={"lr": 0.1}),
        record("a", 0, 2.0, options={"lr": 0.1, "form": "paper"}),
        record("a", 0, 3.0, options={"lr": 0.2, "form": "paper"}),
    )
    assert [r["solver"] for r in table_rows] == [
        "a (solver.form=paper, solver.lr=0.2)", "a (solver.form=paper, solver.lr=0.1)", "a (solver.lr=0.1)"
    ]  # fmt: skip


def test_datasets_are_tables_of_their_own() -> None:
    table_rows = rows(record("a", dataset="y"), record("b", dataset="x"), record("a", dataset="x", hypervolume=1))
    assert [(r["dataset"], r["solver"]) for r in table_rows] == [("x", "b"), ("x", "a"), ("y", "a")]


def test_identical_results_of_two_solvers_are_flagged() -> None:
    points = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]]
    board = leaderboard([record("a", losses=points), record("copy", losses=points), record("own", hypervolume=2)])
    assert "data: identical to the bit: a, copy" in board.notes


def test_distances_are_to_the_pooled_front_unless_the_front_is_known() -> None:
    near, far = [[0.1, 0.9], [0.5, 0.5], [0.9, 0.1]], [[0.2, 1.0], [0.6, 0.6], [1.0, 0.2]]
    board = leaderboard([record("near", losses=near), record("far", losses=far)])
    by_name = board.table.set_index("solver")["ε"].to_dict()
    assert by_name == {"near": 0.0, "far": pytest.approx(0.1)}
    assert any("pooled" in note for note in board.notes)
    known_front_board = leaderboard([record("k", extra={"igd_plus": 0.5, "epsilon": 0.25})])
    assert known_front_board.table["IGD+"].tolist() == [0.5]
    assert not any("pooled" in note for note in known_front_board.notes)


def test_no_records_give_an_empty_table() -> None:
    board = leaderboard([])
    assert len(board.table) == 0
    assert board.notes == ["there are no records"]
