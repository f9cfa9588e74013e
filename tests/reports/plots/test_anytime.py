"""Anytime curves show the validation checks of the records."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mobench.errors import NothingToDrawError
from mobench.records.record import Record
from mobench.records.store import Store
from mobench.reports.plots import anytime
from mobench.reports.plots.contenders import groups_of

Make = Callable[..., Record]
RESULTS = Path(__file__).parents[3] / "results"


def test_a_run_has_the_value_of_its_last_look_and_keeps_its_last(make: Make, themed: None) -> None:
    (group,) = groups_of(
        [
            make("s", 0, trace=[(10, 1.0, 0.2), (20, 3.0, 0.6)]),
            make("s", 1, trace=[(10, 2.0, 0.4), (20, 5.0, 0.5)]),
        ]
    )
    seconds, steps, gradients = anytime.draw(group).axes
    (line,) = seconds.lines
    assert line.get_xydata().tolist() == [[2.0, pytest.approx(0.3)], [3.0, 0.5], [5.0, 0.55]]
    assert line.get_drawstyle() == "steps-post"
    (band,) = seconds.collections
    heights = {(x, round(y, 6)) for x, y in band.get_paths()[0].vertices.tolist()}
    assert {(2.0, 0.2), (2.0, 0.4), (3.0, 0.4), (3.0, 0.6), (5.0, 0.5), (5.0, 0.6)} <= heights
    assert steps.lines[0].get_xydata().tolist() == [[10, pytest.approx(0.3)], [20, 0.55]]
    assert gradients.lines[0].get_xdata().tolist() == [100, 200]
    labels = ["training time [s]", "training steps", "gradient evaluations"]
    assert [a.get_xlabel() for a in (seconds, steps, gradients)] == labels
    assert seconds.get_ylabel() == "validation hypervolume"


def test_time_is_that_of_the_processor_where_every_look_has_it(make: Make, themed: None) -> None:
    timed = [
        make(name, 0, trace=[(10, 2.0, 0.2), (20, 6.0, 0.6)], cores=cores) for name, cores in (("a", 0.5), ("b", 0.25))
    ]
    (group,) = groups_of(timed)
    first, *_ = anytime.draw(group).axes
    assert first.get_xlabel() == "processor time of training [core-s]"
    assert sorted(line.get_xdata().tolist() for line in first.lines) == [[0.5, 1.5], [1.0, 3.0]]
    (mixed,) = groups_of([timed[0], make("c", 0, trace=[(10, 2.0, 0.2)])])
    assert anytime.draw(mixed).axes[0].get_xlabel() == "training time [s]"


def test_one_objective_is_a_loss(make: Make, themed: None) -> None:
    (group,) = groups_of([make("s", 0, [[0.1]], objectives=("a",), reference=[2.0], trace=[(1, 1.0, 1.5)])])
    axes = anytime.draw(group).axes[0]
    assert axes.get_ylabel() == "validation loss"
    assert axes.lines[0].get_ydata().tolist() == [0.5]


def test_every_solver_of_the_records_is_there_once_with_its_own_looks(themed: None) -> None:
    (group,) = groups_of(Store(RESULTS / "methods").contents().records)
    figure = anytime.draw(group)
    panels = figure.axes
    names = [t.get_text() for a in panels if a.get_legend() for t in a.get_legend().get_texts()]
    assert sorted(names) == sorted(c.name for c in group.contenders)
    drawn_curves = {tuple(line.get_ydata()) for axes in panels[::3] for line in axes.lines}
    looks = {tuple(look.hypervolume for look in c.records[0].trace) for c in group.contenders}
    assert drawn_curves == looks
    assert len({axes.get_ylim() for axes in panels}) == 1


def test_lines_of_a_panel_differ_in_marker(themed: None) -> None:
    (group,) = groups_of(Store(RESULTS / "methods").contents().records)
    for axes in anytime.draw(group).axes:
        marks = [(line.get_marker(), line.get_markerfacecolor() == "white") for line in axes.lines]
        assert len(set(marks)) == len(marks) > 1
        coloured = [line for line in axes.lines if line.get_color() != "#8a8a8a"]
        assert len({line.get_color() for line in coloured}) == len(coloured)
        assert len({str(line.get_linestyle()) + str(line._dash_pattern) for line in coloured}) == len(coloured)


def test_costs_far_apart_are_on_a_logarithmic_scale(make: Make, themed: None) -> None:
    near = [make("a", 0, trace=[(1, 1.0, 0.1)]), make("b", 0, trace=[(1, 2.0, 0.1)])]
    far = [*near, make("c", 0, trace=[(1, 50.0, 0.1)])]
    for records, scale in ((near, "linear"), (far, "log")):
        (group,) = groups_of(records)
        axes = anytime.draw(group).axes[0]
        assert axes.get_xscale() == scale
        low, high = axes.get_xlim()
        assert all(low <= x <= high for line in axes.lines for x in np.asarray(line.get_xdata()))


def test_no_looks_are_told(make: Make) -> None:
    (group,) = groups_of([make("s", 0)])
    with pytest.raises(NothingToDrawError, match="no record of data has validation checks"):
        anytime.draw(group)
