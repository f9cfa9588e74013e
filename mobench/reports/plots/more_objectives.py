"""Plot of fronts with three objectives (seen along the diagonal) or more (as parallel coordinates)."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mobench.arrays import FloatArray
from mobench.reports.plots.appearance import is_named
from mobench.reports.plots.appearance import points as text_points
from mobench.reports.plots.contenders import Contender, Group
from mobench.reports.plots.panels import family_key, heading, small_multiples, title
from mobench.reports.plots.style import SEQUENTIAL, linear, shown

DIRECTIONS = np.array([[-np.sqrt(3) / 2, -0.5], [np.sqrt(3) / 2, -0.5], [0.0, 1.0]])
"""Projections of the unit vectors of three objectives, seen along (1, 1, 1)."""


def draw(group: Group) -> Figure:
    """Draw a panel per solver, best first, of the losses scaled to the ideal and reference points."""
    return _diagonal(group) if len(group.objectives) == 3 else _parallel(group)


def scaled(contender: Contender, group: Group) -> FloatArray:
    """Return the test points [P, m] of all seeds, scaled to 0 at the ideal point and 1 at the reference point."""
    ideal = np.asarray(contender.records[0].protocol.get("ideal", [0.0] * len(group.objectives)), float)
    points = np.concatenate([np.asarray(r.fronts["test"].losses, float) for r in contender.records])
    relative: FloatArray = (points - ideal) / (np.asarray(group.reference) - ideal)
    return relative


def _diagonal(group: Group) -> Figure:
    """Draw fronts seen along the line of equal losses: position shows the balance of losses, colour their mean."""
    figure, panels, _ = small_multiples(len(group.contenders), 2.0)
    clouds = [scaled(contender, group) for contender in group.contenders]
    means = np.concatenate([cloud[(cloud <= 1).all(axis=1)].mean(axis=1) for cloud in clouds])
    norm = Normalize(*((means.min(), means.max()) if len(means) else (0, 1)))
    for axes, contender, points in zip(panels, group.contenders, clouds, strict=True):
        inside = points[(points <= 1).all(axis=1)]
        across, up = (inside @ DIRECTIONS).T
        _three_axes(axes, group)
        axes.scatter(
            across, up, c=inside.mean(axis=1), cmap=SEQUENTIAL, norm=norm, s=15, edgecolors="#333333",
            linewidths=0.4, zorder=3, marker=contender.marker,
        )  # fmt: skip
        title(axes, contender)
        if len(inside) < len(points):
            axes.text(0, -1.02, f"{len(points) - len(inside)} of {len(points)} beyond the reference",
                      fontsize=text_points(6.5), color="#444444", ha="center")  # fmt: skip
    bar = figure.colorbar(
        ScalarMappable(norm, SEQUENTIAL), ax=panels, location="right", shrink=0.5, aspect=25, pad=0.01
    )
    bar.set_label("mean loss (0: ideal point, 1: reference point)")
    family_key(figure, group, linestyle="none", color="#333333", markersize=4)
    heading(
        figure, group, f"test fronts seen along equal losses, best hypervolume first, {group.seeds}; "
        "arms from the ideal to the reference point",
    )  # fmt: skip
    return figure


def _three_axes(axes: Axes, group: Group) -> None:
    axes.set_aspect("equal")
    axes.set_xlim(-1.25, 1.25)
    axes.set_ylim(-1.1, 1.35)
    axes.axis("off")
    for name, (x, y) in zip(group.objectives, DIRECTIONS, strict=True):
        axes.plot([0, x], [0, y], color="#999999", linewidth=0.8, zorder=1)
        axes.text(
            1.12 * x, 1.12 * y, shown(name), ha="center", va="bottom" if y > 0 else "top", fontsize=text_points(7)
        )


def _parallel(group: Group) -> Figure:
    figure, panels, bottom = small_multiples(len(group.contenders))
    places: Any = range(len(group.objectives))
    for axes, contender in zip(panels, group.contenders, strict=True):
        axes.plot(scaled(contender, group).T, color=contender.colour, linewidth=0.6, alpha=0.7)
        title(axes, contender)
        axes.set_ylim(-0.05, 1.3)
        linear(axes.yaxis, 4)
        axes.set_xticks(places, [shown(o) for o in group.objectives], rotation=90 if is_named() else 0)
    for axes in bottom:
        axes.set_xlabel("objective")
    figure.supylabel("loss (0: ideal point, 1: reference point)", fontsize=text_points(8.5))
    family_key(figure, group, marker="")
    heading(figure, group, f"test fronts, a line per ray, best hypervolume first, {group.seeds}")
    return figure
