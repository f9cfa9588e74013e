"""Plot of fronts with four or more objectives as parallel coordinates, each objective on its own scale."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mobench.arrays import FloatArray
from mobench.errors import NothingToDrawError
from mobench.reports.plots import fronts
from mobench.reports.plots.appearance import is_named, points, scale
from mobench.reports.plots.contenders import Group
from mobench.reports.plots.panels import family_key, heading, small_multiples, title
from mobench.reports.plots.style import shown

LEAST_OBJECTIVES = 4
MOST_NUMBERED = 6
"""Objectives that have a number below a panel; of more, every second or third has one."""
OTHERS = "#d9d9d9"


def table(group: Group) -> pd.DataFrame:
    """Return the test points as in `fronts.table`; empty with fewer than four objectives."""
    points_table = fronts.table(group)
    return points_table if len(group.objectives) >= LEAST_OBJECTIVES else points_table.iloc[:0]


def bounds(group: Group) -> tuple[FloatArray, FloatArray]:
    """Return the smallest and largest test loss of each objective, over all solvers, each [m]."""
    all_points = np.concatenate([fronts.points_of(c) for c in group.contenders])
    return all_points.min(axis=0), all_points.max(axis=0)


def relative(losses: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return losses [P, m] relative to the range of each objective: 0 at its smallest loss, 1 at its largest."""
    width = np.where(high > low, high - low, 1.0)
    scaled: FloatArray = (losses - low) / width
    return scaled


def draw(group: Group) -> Figure:
    """Draw a panel per solver, best first, with a line per point. Raises: NothingToDrawError below four objectives."""
    m = len(group.objectives)
    if m < LEAST_OBJECTIVES:
        raise NothingToDrawError(f"{group.dataset} has {m} objectives; parallel coordinates show four or more")
    low, high = bounds(group)
    everybody = np.concatenate([relative(fronts.points_of(c), low, high) for c in group.contenders])
    figure, panels, bottom = small_multiples(len(group.contenders), inches=2.4)
    for axes, contender in zip(panels, group.contenders, strict=True):
        axes.plot(everybody.T, color=OTHERS, linewidth=0.4, zorder=1, rasterized=True)
        own_points = relative(fronts.points_of(contender), low, high)
        axes.plot(own_points.T, color=contender.colour, linewidth=0.7, alpha=0.8, zorder=2)
        title(axes, contender)
        _frame(axes, m)
    for axes in bottom:
        axes.set_xlabel("objective")
    figure.supylabel("loss, from the smallest to the largest of all", fontsize=points(8.5))
    grey = Line2D([], [], color=OTHERS, linewidth=1.2)
    family_key(figure, group, {"points of all solvers": grey}, marker="")
    ranges = "; ".join(
        f"{i}: {shown(name)} {a:.3g} to {b:.3g}"
        for i, (name, a, b) in enumerate(zip(group.objectives, low.tolist(), high.tolist(), strict=True), start=1)
    )
    if is_named():
        figure.set_figheight(figure.get_figheight() + 0.2 * scale())
    heading(figure, group, f"test fronts, a line per point, best hypervolume first; {ranges}")
    return figure


def _frame(axes: Axes, m: int) -> None:
    places: Any = range(m)
    step = -(-m // MOST_NUMBERED)
    axes.set_xticks(places, [str(i + 1) if i % step == 0 else "" for i in range(m)])
    axes.set_xlim(0, m - 1)
    axes.set_ylim(-0.04, 1.04)
    axes.set_yticks([0.0, 0.5, 1.0])
    axes.grid(visible=True, axis="x", color="#999999")
