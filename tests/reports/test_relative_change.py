"""Δm against numbers computed by hand and LibMTL's definition; where it is empty, the reason is stated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from mobench.jobs.job import Budget, Job, Part, SeedSet, SolverPart
from mobench.jobs.resolve import dataset_part, resolve
from mobench.records.outline import outline
from mobench.records.record import Cost, Imported, Provenance, Record, RecordedFront
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.analysis.relative_change import is_single_task, relative_changes
from mobench.reports.tables.columns import column
from mobench.reports.tables.content import content
from mobench.reports.tables.sheet import printed_as
from mobench.reports.tables.table_files import to_markdown
from mobench.runs.execution import execute

MULTIMNIST = dataset_part("multimnist")
"""Metrics: accuracy of left and right."""
ENB = dataset_part("enb")
"""Metrics: R² (higher is better) and RMSE (lower is better) of heating and cooling."""
VERTICES = [[1.0, 0.0], [0.0, 1.0]]
NO_VALUE: list[float | None] = [None, None]


def record(
    solver: str,
    test: Mapping[str, Sequence[float | None]],
    validation: Mapping[str, Sequence[float | None]] | None = None,
    *,
    seed: int = 0,
    dataset: Part = MULTIMNIST,
    model: str = "net",
    preferences: list[list[float]] | None = None,
    n_models: int = 2,
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    rays: list[list[float]] | None = None,
    objectives: tuple[str, ...] = ("left", "right"),
    protocol: str = "p",
) -> Record:
    n_points = len(next(iter(test.values())))
    middle = [[0.5, 0.5]] * n_points
    job = Job(
        dataset=dataset, model=Part(name=model, version="1"), budget=budget or Budget(epochs=1), protocol=protocol,
        solver=SolverPart(name=solver, version="1", options=dict(options or {})), seeds=SeedSet.all(seed), rays=rays,
    )  # fmt: skip

    def front(metrics: Mapping[str, Sequence[float | None]]) -> RecordedFront:
        losses = [[0.1 + 0.1 * i + seed / 100, 0.9 - 0.1 * i] for i in range(n_points)]
        return RecordedFront(preferences=preferences or middle, losses=losses, metrics=dict(metrics), n_samples=9)  # type: ignore[arg-type]

    cost = Cost(
        training_seconds=1, evaluation_seconds=1, steps=1, epochs=1, stored_parameters=1, served_parameters=1,
        n_models=n_models, peak_bytes=1, switch_seconds=0, inference_seconds_per_sample=0,
    )  # fmt: skip
    provenance = Provenance(
        started="2026-01-01", finished="2026-01-01", mobench="0", python="3", packages={}, platform="", processor="",
        threads=1, device="cpu",
    )  # fmt: skip
    return Record(
        id=job.id, status="completed", job=job, protocol={"version": protocol}, objectives=list(objectives), cost=cost,
        fronts={"test": front(test), "val": front(test if validation is None else validation)}, provenance=provenance,
        indicators={"test": {"hypervolume": 1.0 + seed}, "val": {"hypervolume": 1.0}},
    )  # fmt: skip


def single_task(left: float, right: float, seed: int = 0, **more: Any) -> Record:
    """Networks of one objective each; each one is bad at the other objective."""
    test = {"left/accuracy": [left, 0.1], "right/accuracy": [0.2, right]}
    return record("stl", test, seed=seed, preferences=VERTICES, **more)


def accuracies(*points: tuple[float | None, float | None]) -> dict[str, list[float | None]]:
    return {"left/accuracy": [p[0] for p in points], "right/accuracy": [p[1] for p in points]}


def test_one_point_by_hand() -> None:
    """Half of (0.72 − 0.8) / 0.8 = −10 % and (0.55 − 0.5) / 0.5 = 10 %; and half of −20 % and 0."""
    base = single_task(0.8, 0.5)
    first, second = record("a", accuracies((0.72, 0.55))), record("b", accuracies((0.64, 0.5)))
    changes = relative_changes([base, first, second])
    assert changes.values == {
        base.id: pytest.approx(0), first.id: pytest.approx(0, abs=1e-9), second.id: pytest.approx(-10)
    }  # fmt: skip
    assert changes.notes == []


def count_improvement(base: dict[str, list[float]], new: dict[str, list[float]], higher: dict[str, list[int]]) -> float:
    """LibMTL's definition: the mean over tasks of the mean over metrics."""
    tasks = []
    for task, values in base.items():
        signs = [(-1) ** w for w in higher[task]]
        terms = [s * (b - n) / b for s, b, n in zip(signs, values, new[task], strict=True)]
        tasks.append(sum(terms) / len(terms))
    return 100 * sum(tasks) / len(tasks)


def test_metrics_of_both_directions_are_those_of_libmtl() -> None:
    names = [o.name for o in _objectives("enb")]
    metrics = [[m.name for m in o.metrics] for o in _objectives("enb")]
    directions = [[int(m.higher_is_better) for m in o.metrics] for o in _objectives("enb")]
    assert sorted(directions[0]) == [0, 1]
    base_values, new_values = [[0.9, 2.0], [0.8, 3.0]], [[0.81, 2.5], [0.88, 2.4]]
    test = {
        f"{n}/{m}": [b, b]
        for n, ms, bs in zip(names, metrics, base_values, strict=True)
        for m, b in zip(ms, bs, strict=True)
    }
    base = record("stl", test, dataset=ENB, preferences=VERTICES, objectives=tuple(names))
    test = {
        f"{n}/{m}": [v]
        for n, ms, vs in zip(names, metrics, new_values, strict=True)
        for m, v in zip(ms, vs, strict=True)
    }
    other = record("a", test, dataset=ENB, objectives=tuple(names))
    expected = count_improvement(
        dict(zip(names, base_values, strict=True)), dict(zip(names, new_values, strict=True)),
        dict(zip(names, directions, strict=True)),
    )  # fmt: skip
    assert relative_changes([base, other]).values[other.id] == pytest.approx(expected)


def _objectives(name: str) -> Any:
    from mobench.jobs.resolve import make_dataset

    return make_dataset(dataset_part(name)).objectives


def test_a_front_is_measured_at_the_point_that_validation_chooses() -> None:
    """On validation the second point is best, +10 %; on test it has −10 %, and the third one would have +50 %."""
    base = single_task(0.8, 0.5)
    test, validation = (
        accuracies((0.8, 0.5), (0.72, 0.45), (1.2, 0.75)),
        accuracies((0.8, 0.5), (0.88, 0.55), (0.1, 0.1)),
    )
    assert relative_changes([base, chosen := record("a", test, validation)]).values[chosen.id] == pytest.approx(-10)
    assert relative_changes([outline(base), outline(chosen)]).values[chosen.id] == pytest.approx(-10)


def test_the_baseline_is_the_mean_over_its_seeds_and_a_row_the_mean_over_its_own() -> None:
    """B = (0.8, 0.5). The rows of seeds have Δm −10 and 30 %; the single-task networks −12.5 and 12.5 %."""
    bases = [single_task(0.7, 0.45, 0, model="net"), single_task(0.9, 0.55, 1)]
    others = [record("a", accuracies((0.72, 0.45)), seed=0), record("a", accuracies((1.04, 0.65)), seed=1)]
    changes = relative_changes([*bases, *others])
    assert [changes.values[r.id] for r in others] == [pytest.approx(-10), pytest.approx(30)]
    change = 100 * ((0.7 - 0.8) / 0.8 + (0.45 - 0.5) / 0.5) / 2
    assert [changes.values[r.id] for r in bases] == [pytest.approx(change), pytest.approx(-change)]
    table = leaderboard([*bases, *others]).table.set_index("solver")
    assert table.loc["a", "Δm"] == pytest.approx(10)
    assert table.loc["a", "Δm ±"] == pytest.approx(12.7062 * 20, rel=1e-4)
    assert table.loc["stl", "Δm"] == pytest.approx(0, abs=1e-9)
    assert "| 10.0 ± 254.1 |" in to_markdown(leaderboard([*bases, *others]))


def test_another_model_and_dataset_have_their_own_baseline_or_a_reason() -> None:
    base, same = single_task(0.8, 0.5), record("a", accuracies((0.8, 0.5)))
    wide = record("a", accuracies((0.9, 0.5)), model="wide")
    elsewhere = record("a", accuracies((0.9, 0.5)), dataset=dataset_part("multifashion"))
    changes = relative_changes([base, same, wide, elsewhere])
    assert changes.values.keys() == {base.id, same.id}
    assert [note.split(":")[0] for note in changes.notes] == ["multifashion", "multimnist"]
    assert all("no record of networks that were trained on one objective each" in note for note in changes.notes)
    board = leaderboard([base, same, wide, elsewhere])
    assert set(changes.notes) <= set(board.notes)
    assert board.table["Δm"].isna().sum() == 2
    assert "–" in to_markdown(board)


def test_without_single_task_networks_there_is_no_column() -> None:
    board = leaderboard([record("a", accuracies((0.8, 0.5))), record("b", accuracies((0.7, 0.5)))])
    assert not [name for name in board.table.columns if "Δm" in name]
    assert not [note for note in board.notes if "Δm" in note]


@pytest.mark.parametrize(
    ("bases", "reason"),
    [
        ([single_task(0.8, 0.5, options={"lr": 1}), single_task(0.8, 0.5, options={"lr": 2})], "several rows"),
        ([single_task(0.0, 0.5)], "left/accuracy of the network of its own objective is 0.0 on the val split"),
        ([single_task(0.8, 0.5, dataset=dataset_part("vlmop2"), objectives=("f1", "f2"))], "no metric for f1, f2"),
        ([single_task(0.8, 0.5, dataset=Part(name="gone", version="1"))], "no dataset is called 'gone'"),
    ],
)
def test_what_has_no_baseline_is_empty_with_the_reason(bases: list[Record], reason: str) -> None:
    job = bases[0].job
    other = record("a", accuracies((0.8, 0.5)), dataset=job.dataset, objectives=tuple(bases[0].objectives))
    changes = relative_changes([*bases, other])
    assert changes.values == {}
    (note,) = changes.notes
    assert note.startswith(f"{job.dataset.name}: Δm on net is empty: ")
    assert reason in note


def test_points_without_a_value_are_not_chosen_and_rows_without_any_are_empty() -> None:
    base = single_task(0.8, 0.5)
    partial, empty = record("a", accuracies((None, 0.9), (0.8, 0.5))), record("b", accuracies((None, 0.5), (0.8, None)))
    changes = relative_changes([base, partial, empty])
    assert changes.values[partial.id] == pytest.approx(0)
    assert empty.id not in changes.values


def test_which_records_are_single_task_networks() -> None:
    """Not networks that a suite asked for at the vertices, one network for all rays, one objective, or an import."""
    assert is_single_task(single_task(0.8, 0.5))
    assert not is_single_task(single_task(0.8, 0.5, rays=VERTICES))
    assert not is_single_task(single_task(0.8, 0.5, n_models=1))
    assert not is_single_task(record("a", accuracies((0.8, 0.5), (0.8, 0.5))))
    assert not is_single_task(single_task(0.8, 0.5).model_copy(update={"imported": Imported(file="f.csv", sha256="0")}))


def test_a_rounded_zero_has_no_sign() -> None:
    assert [printed_as(value, 1) for value in (-9e-16, -0.04, 0.0, -0.05001, -12.0)] == [
        "0.0",
        "0.0",
        "0.0",
        "-0.1",
        "-12.0",
    ]
    assert [printed_as(value, 0) for value in (-0.2, -1234.5)] == ["0", "-1,234"]


def test_the_column_is_described() -> None:
    described = column("Δm")
    assert (described.unit, described.better, described.latex) == ("%", "higher", r"$\Delta_m$")


@pytest.mark.slow
def test_from_jobs_to_the_table() -> None:
    budget, settings = Budget(steps=30, batch_size=64), {"widths": [4], "solver.lr": 0.01}
    records = [execute(resolve("enb", "mlp", solver, settings, budget)) for solver in ("stl", "ls", "mgda", "moo-svgd")]
    assert [r.failure for r in records] == [None] * 4
    board = leaderboard(records)
    frame = content(board, records).frame.set_index("solver")
    assert frame.loc["stl", "Δm"] == pytest.approx(0, abs=1e-9)
    assert all(math.isfinite(value) for value in frame["Δm"])
    base, mgda = records[0].fronts["test"].metrics, records[2].fronts["test"].metrics
    expected = []
    for i, objective in enumerate(_objectives("enb")):
        signs = [1 if metric.higher_is_better else -1 for metric in objective.metrics]
        names = [f"{objective.name}/{metric.name}" for metric in objective.metrics]
        values: Any = [(base[name][i], mgda[name][0]) for name in names]
        expected.append(np.mean([s * (new - old) / old for s, (old, new) in zip(signs, values, strict=True)]))
    assert frame.loc["mgda", "Δm"] == pytest.approx(100 * np.mean(expected))
