"""Cost against quality, memory, alignment and ranks: drawn values against numbers computed by hand."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mobench.errors import NothingToDrawError, OptionError
from mobench.jobs.job import Part
from mobench.records.record import Imported, Record
from mobench.reports.analysis.ranking import rank
from mobench.reports.plots import alignment, cost_quality, critical_difference, memory
from mobench.reports.plots.contenders import groups_of
from mobench.reports.plots.kinds import KINDS, draw
from mobench.reports.plots.short_names import short_names, volume_unit

Make = Callable[..., Record]
NETS = {"n_models": 3, "stored_parameters": 300}


def test_the_front_of_cost_and_quality_is_who_is_not_beaten_in_both(make: Make, themed: None) -> None:
    points = {"cheap": (1.0, 0.5), "dear": (9.0, 0.1), "beaten": (10.0, 0.3)}  # seconds, both losses
    (group,) = groups_of(
        [make(name, 0, [[x, x]], cost={"training_seconds": s, "n_models": 1}) for name, (s, x) in points.items()]
    )
    table = cost_quality.table(group).set_index("solver")
    assert table["hypervolume"].to_dict() == pytest.approx({"cheap": 0.25, "dear": 0.81, "beaten": 0.49})
    assert table["on the front of training s"].to_dict() == {"cheap": True, "dear": True, "beaten": False}
    axes = cost_quality.draw(group).axes[0]
    (ringed,) = [line for line in axes.lines if line.get_label() == "on the front"]
    assert ringed.get_xydata().tolist() == [[1.0, pytest.approx(0.25)], [9.0, pytest.approx(0.81)]]
    assert {t.get_text() for t in axes.texts} == set(points)
    assert axes.get_xlabel() == "training [s]"


def test_time_is_that_of_the_processor_where_it_is_known_of_all(make: Make, themed: None) -> None:
    records = [make(name, 0, cost={"training_core_seconds": s}) for name, s in (("a", 3.0), ("b", 4.0))]
    (group,) = groups_of(records)
    assert cost_quality.table(group)["training core-s"].tolist() == [3.0, 4.0]
    assert cost_quality.draw(group).axes[0].get_xlabel() == "training [core-s]"
    (mixed,) = groups_of([*records, make("c", 0)])
    assert cost_quality.draw(mixed).axes[0].get_xlabel() == "training [s]"


def test_seeds_are_a_thin_line_from_smallest_to_largest(make: Make, themed: None) -> None:
    seeds = [make("a", i, [[x, x]], cost={"training_seconds": s}) for i, (s, x) in enumerate([(2, 0.5), (4, 0.1)])]
    (group,) = groups_of([*seeds, make("b", 0, [[0.9, 0.9]])])
    axes = cost_quality.draw(group).axes[0]
    (across,) = [c for c in axes.collections if c.get_label() == "costs"]
    (up,) = [c for c in axes.collections if c.get_label() == "qualities"]
    assert across.get_segments()[0].tolist() == [[2, pytest.approx(0.53)], [4, pytest.approx(0.53)]]
    assert up.get_segments()[0].tolist() == [[3, pytest.approx(0.25)], [3, pytest.approx(0.81)]]


def test_one_network_stores_less_from_the_break_even_on(make: Make, themed: None) -> None:
    (group,) = groups_of([make("nets", 0, cost=NETS), make("hyper", 0, cost={"stored_parameters": 700})])
    row = memory.table(group).set_index("solvers").loc["hyper"]
    assert row["break-even preferences"] == 7  # 700 against 300 / 3 each
    assert row["stored bytes"] == 2800
    axes = memory.draw(group).axes[0]
    assert [7.0, 700] in [line.get_xydata().tolist()[0] for line in axes.lines]
    nets, hyper = axes.lines[:2]
    assert nets.get_ydata()[0] == 100
    assert set(hyper.get_ydata()) == {700}
    assert "K = 7" in [t.get_text() for t in axes.texts]


def test_memory_of_points_alone_is_no_comparison(make: Make) -> None:
    (group,) = groups_of([make("point", 0, [[0.1, 0.2]])])
    with pytest.raises(NothingToDrawError, match="no network for all preferences"):
        memory.draw(group)


def test_alignment_is_the_loss_at_each_preference(make: Make, themed: None) -> None:
    (group,) = groups_of([make("s", 0), make("s", 1, [[0.3, 0.9], [0.5, 0.5], [0.9, 0.1]])])
    left_axes, right_axes, uneven_axes = alignment.draw(group).axes
    assert left_axes.lines[0].get_xydata() == pytest.approx(np.array([[0.1, 0.9], [0.5, 0.5], [0.9, 0.2]]))
    assert right_axes.lines[0].get_ydata().tolist() == pytest.approx([0.9, 0.5, 0.1])
    assert uneven_axes.get_ylabel() == "non-uniformity [nats]"


def test_bars_join_solvers_that_the_paired_comparison_does_not_separate(themed: None) -> None:
    scores = pd.DataFrame({"a": [3.0, 3.1, 3.2, 3.0], "b": [3.1, 3.0, 3.1, 2.9], "c": [1.0, 1.0, 1.0, 1.0]})
    ranking = rank([scores, scores])
    assert ranking.average_ranks == [1.0, 2.0, 3.0]
    figure = critical_difference.diagram(ranking, dict.fromkeys("abc", "a net per preference"), "data sets")
    lines = figure.axes[0].lines
    (bar,) = [line for line in lines if line.get_label() == "bar"]
    assert bar.get_xdata() == pytest.approx([0.95, 2.05])
    assert [line.get_xdata()[0] for line in lines if line.get_label() == "rank"] == [1.0, 2.0, 3.0]
    few = critical_difference.diagram(rank([scores]), dict.fromkeys("abc", "a net per preference"), "seeds")
    assert not [line for line in few.axes[0].lines if line.get_label() == "bar"]
    assert "No bars: 4 scores of each solver separate none (5 are needed)." in few.get_supxlabel()


@pytest.mark.parametrize("other", ["imported", "incomplete"])
def test_who_is_ranked_has_a_family_beside_a_row_of_another_model(make: Make, themed: None, other: str) -> None:
    """An imported front and a solver that lacks a seed are in the leaderboard under another model."""
    records = [make(name, seed, [[x, x]]) for name, x in (("a", 0.1), ("b", 0.2)) for seed in (0, 1)]
    record = make("c", 0)
    job = record.job.model_copy(update={"model": Part(name="elsewhere", version="1")})
    imported = Imported(file="fronts.csv", sha256="0") if other == "imported" else None
    records.append(record.model_copy(update={"id": job.id, "job": job, "imported": imported}))
    ((dataset, ranked),) = critical_difference.subjects(records)
    assert (dataset, len(ranked.comparison.ranking.solvers)) == ("data", 2)
    assert set(ranked.comparison.ranking.solvers) <= set(ranked.family)
    assert critical_difference.draw(ranked).axes


@pytest.mark.slow
def test_files_are_the_same_to_the_byte_and_say_what_they_show(make: Make, tmp_path: Path) -> None:
    records = [make("a", 0, cost=NETS, trace=[(1, 1.0, 0.2)]), make("b", 0, trace=[(1, 2.0, 0.2)])]
    four = [[0.1, 0.2, 0.3, 0.4]]
    records += [make(name, 0, four, dataset="four", objectives=tuple("abcd")) for name in ("a", "b")]
    formats = ["svg", "pdf", "png", "csv"]
    first_files = {p.name: p.read_bytes() for p in draw(records, tmp_path / "1", formats=formats).paths}
    second_files = {p.name: p.read_bytes() for p in draw(records[::-1], tmp_path / "2", formats=formats).paths}
    assert first_files == second_files
    assert all(any(name.startswith(kind) for name in first_files) for kind in KINDS)
    for name, data in first_files.items():
        numbers = first_files[name.rsplit(".", 1)[0] + ".csv"]
        assert name.endswith(".csv") or hashlib.sha256(numbers).hexdigest().encode() in data, name


def test_an_unknown_kind_names_the_nearest(make: Make, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="fronts"):
        draw([make()], tmp_path, ["frots"])


def test_short_names_stay_apart() -> None:
    names = [f"ls (model.filters=[32, 64, {n}], solver.optimiser={o})" for n in (64, 96) for o in ("adam", "rmsprop")]
    names_in_figure = short_names(names)
    assert names_in_figure.short[names[0]] == "ls ([32, 64, 64], adam)"
    assert names_in_figure.options == "model.filters, solver.optimiser"
    long = ["x" * 90 + "a" * 40, "x" * 80 + "y" + "a" * 40]
    assert len(set(short_names(long).short.values())) == 2
    assert volume_unit(("nats", "nats")) == "nats²"
    assert volume_unit(("nats", "")) == ""
