"""Fronts: points, surfaces and bands read back from the picture against a count by hand."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes

from mobench.errors import NothingToDrawError
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports.plots import fronts, more_objectives
from mobench.reports.plots.contenders import groups_of
from mobench.reports.plots.style import theme

Make = Callable[..., Record]
RESULTS = Path(__file__).parents[3] / "results"


def attained(fronts_: list[list[list[float]]], x: float, y: float) -> int:
    """Return how many fronts have a point that is no worse than (x, y)."""
    return sum(any(a <= x and b <= y for a, b in front) for front in fronts_)


def edges(band: Any) -> list[tuple[float, float, float]]:
    """(x, lower, upper) of a filled band, from its outline, in the middle of every step."""
    vertices = band.get_paths()[0].vertices
    xs = np.unique(vertices[:, 0])
    edge_ranges = []
    for x_left, x_right in pairwise(xs):
        middle = (x_left + x_right) / 2
        segments = [(p, q) for p, q in pairwise(vertices)
                    if min(p[0], q[0]) <= middle <= max(p[0], q[0]) and p[0] != q[0]]  # fmt: skip
        heights = sorted(p[1] for p, _ in segments)
        edge_ranges.append((middle, heights[0], heights[-1]))
    return edge_ranges


def labelled(axes: Axes, label: str) -> list[Any]:
    return [line for line in axes.get_lines() if line.get_label() == label]


ONE = [[0.1, 0.8], [0.4, 0.5], [0.8, 0.2]]
TWO = [[0.2, 0.7], [0.3, 0.6], [0.9, 0.1]]
THREE = [[0.15, 0.9], [0.5, 0.4], [0.7, 0.3]]


def test_points_are_those_of_the_records(make: Make, themed: None) -> None:
    (group,) = groups_of([make("s", i, front) for i, front in enumerate((ONE, TWO, THREE))])
    (axes,) = fronts.draw(group).axes
    (points,) = labelled(axes, "points")
    assert sorted(map(tuple, points.get_xydata())) == sorted(map(tuple, ONE + TWO + THREE))
    front_table = fronts.table(group)
    table = front_table[front_table["what"] == "test point"]
    assert table[["loss a", "loss b"]].to_numpy().tolist() == ONE + TWO + THREE
    assert table["seed"].tolist() == ["0"] * 3 + ["1"] * 3 + ["2"] * 3


def check_band(make: Make, seeds: list[list[list[float]]]) -> None:
    (group,) = groups_of([make("s", i, front) for i, front in enumerate(seeds)])
    with theme():
        (axes,) = fronts.draw(group).axes
    (band,) = axes.collections
    top = max(axes.get_ylim()[1], max(y for f in seeds for _, y in f))
    for x, low, high in edges(band):
        for edge, least in ((low, 1), (high, len(seeds))):
            if edge < top - 1e-9:
                assert attained(seeds, x, edge + 1e-9) >= least, (x, edge)
            assert attained(seeds, x, edge - 1e-9) < least, (x, edge)
    (line,) = labelled(axes, "median")
    half = -(-len(seeds) // 2)
    for x, y in line.get_xydata()[1:-1]:
        assert attained(seeds, x, y) >= half
        assert attained(seeds, x - 1e-9, y) < half or attained(seeds, x, y - 1e-9) < half


def test_the_band_is_from_one_seed_to_all_and_the_line_half(make: Make) -> None:
    check_band(make, [ONE, TWO, THREE])


@pytest.mark.slow
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.tuples(*[st.integers(0, 99)] * 2), min_size=1, max_size=6), min_size=2, max_size=5))
def test_bands_of_any_fronts(make: Make, integer_fronts: list[list[tuple[int, int]]]) -> None:
    check_band(make, [[[x / 100, y / 100] for x, y in front] for front in integer_fronts])


def test_one_seed_has_no_band_and_its_own_stairs(make: Make, themed: None) -> None:
    (group,) = groups_of([make("s", 0, [*ONE, [0.9, 0.9]])])
    (axes,) = fronts.draw(group).axes
    assert not axes.collections
    (line,) = labelled(axes, "median")
    assert [list(p) for p in line.get_xydata()[1:-1]] == ONE


def test_many_solvers_get_a_panel_each_best_first(themed: None) -> None:
    records = Store(RESULTS / "methods").contents().records
    (group,) = groups_of(records)
    panels = [a for a in fronts.draw(group).axes if a.lines]
    ordered = sorted(records, key=lambda r: -(r.indicators["test"]["hypervolume"] or 0))
    assert [a.get_title(loc="left") for a in panels] == [r.job.solver.name for r in ordered]
    everybody = np.concatenate([r.fronts["test"].losses for r in records])
    for axes, record in zip(panels, ordered, strict=True):
        (points,) = labelled(axes, "points")
        assert points.get_xydata().tolist() == record.fronts["test"].losses
        (other_points,) = labelled(axes, "others")
        assert len(other_points.get_xydata()) == len(everybody)
        window = fronts.window(group)
        beyond = window.outside(np.array(record.fronts["test"].losses))
        texts = [t.get_text() for t in axes.texts]
        assert texts == ([f"{beyond} of {len(record.fronts['test'].losses)}\npoints outside"] if beyond else [])


def test_the_pooled_front_is_the_non_dominated_points(themed: None) -> None:
    (group,) = groups_of(Store(RESULTS / "methods").contents().records)
    axes = next(a for a in fronts.draw(group).axes if a.lines)
    (line,) = labelled(axes, "pooled")
    points = np.concatenate([fronts.points_of(c) for c in group.contenders])
    best = {tuple(p) for p in points if not ((points <= p).all(axis=1) & (points < p).any(axis=1)).any()}
    assert {tuple(p) for p in line.get_xydata()[1:-1]} == best


def test_three_objectives_are_seen_along_the_diagonal(make: Make, themed: None) -> None:
    corners = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.4, 0.4, 0.4], [1.5, 0.0, 0.0]]
    names = ("f1", "f2", "f3")
    (group,) = groups_of([make("s", 0, corners, objectives=names, reference=[1.0, 1.0, 1.0])])
    figure = fronts.draw(group)
    axes = figure.axes[0]
    (cloud,) = axes.collections
    places = np.asarray(cloud.get_offsets())
    assert places[:3] == pytest.approx(more_objectives.DIRECTIONS)
    assert places[3] == pytest.approx([0, 0], abs=1e-12)
    assert len(places) == 4, "what lies beyond the reference is counted, not drawn"
    assert "1 of 5 beyond the reference" in [t.get_text() for t in axes.texts]
    assert np.asarray(cloud.get_array()) == pytest.approx([1 / 3, 1 / 3, 1 / 3, 0.4])
    assert np.linalg.norm(more_objectives.DIRECTIONS, axis=1) == pytest.approx([1, 1, 1])
    assert figure.axes[1].get_ylabel().startswith("mean loss")


def test_four_objectives_are_parallel_coordinates(make: Make, themed: None) -> None:
    (group,) = groups_of([make("s", 0, [[0.1, 0.2, 0.3, 0.4]], objectives=tuple("abcd"))])
    (axes,) = fronts.draw(group).axes
    (line,) = axes.lines
    assert line.get_ydata() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert [t.get_text() for t in axes.get_xticklabels()] == list("abcd")


def test_one_objective_has_no_front(make: Make) -> None:
    (group,) = groups_of([make("s", 0, [[0.1]], objectives=("a",))])
    with pytest.raises(NothingToDrawError, match="one objective"):
        fronts.draw(group)
