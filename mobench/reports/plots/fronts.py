"""Plot of test fronts, with attainment surfaces over seeds for two objectives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mobench.arrays import FloatArray
from mobench.errors import NothingToDrawError
from mobench.metrics import indicators
from mobench.reports.analysis.attainment import attainment_surfaces
from mobench.reports.analysis.row_labels import seed_name
from mobench.reports.plots import more_objectives
from mobench.reports.plots.appearance import is_named, scale
from mobench.reports.plots.appearance import points as text_points
from mobench.reports.plots.contenders import Contender, Group
from mobench.reports.plots.panels import (
    family_key,
    heading,
    legend,
    legend_below,
    legend_inches,
    small_multiples,
    title,
)
from mobench.reports.plots.style import BAND, REST, linear, logarithmic, new_figure

OTHERS = "#c9c9c9"
OVERLAID = 4
"""Maximum number of bands in one panel; more solvers get a panel each."""


@dataclass(frozen=True)
class Window:
    """Drawn part of the objective space, low and high [2]; it extends little beyond the reference point."""

    low: FloatArray
    high: FloatArray

    def outside(self, points: FloatArray) -> int:
        return int(((points > self.high) | (points < self.low)).any(axis=1).sum())


def table(group: Group) -> pd.DataFrame:
    """Return one row per drawn point: solver, family, what, seed, ray, preferences and losses.

    what: "test point" or, with two objectives, "attained by <k> of <n>" for a corner of the surface that k of n
        seeds attain.
    """
    rows = [row for contender in group.contenders for row in (*_points(contender, group), *_corners(contender, group))]
    return pd.DataFrame(rows)


def _points(contender: Contender, group: Group) -> Iterator[dict[str, Any]]:
    for record in contender.records:
        front = record.fronts["test"]
        unknown = [[math.nan] * len(group.objectives)] * len(front.losses)
        preferences = front.preferences or unknown  # an imported front may have no preferences
        for i, (preference, losses) in enumerate(zip(preferences, front.losses, strict=True), start=1):
            yield {
                **_row(contender, group, "test point", losses),
                "seed": seed_name(record.job.seeds),
                "ray": str(i),
                **{f"preference {o}": r for o, r in zip(group.objectives, preference, strict=True)},
            }


def _corners(contender: Contender, group: Group) -> Iterator[dict[str, Any]]:
    if len(group.objectives) != 2:
        return
    n = len(contender.records)
    for k, corners in surfaces_of(contender).items():
        for corner in corners.tolist():
            yield _row(contender, group, f"attained by {k} of {n}", corner)


def _row(contender: Contender, group: Group, kind: str, losses: Sequence[float]) -> dict[str, Any]:
    values = {f"loss {o}": v for o, v in zip(group.objectives, losses, strict=True)}
    return {"dataset": group.dataset, "solver": contender.name, "family": contender.family, "what": kind, **values}


def draw(group: Group) -> Figure:
    """Draw the fronts of a dataset. Raises: NothingToDrawError with one objective."""
    m = len(group.objectives)
    if m < 2:
        raise NothingToDrawError(f"{group.dataset} has one objective, and so no front")
    if m > 2:
        return more_objectives.draw(group)
    return _overlaid(group) if len(group.contenders) <= OVERLAID else _multiples(group)


def points_of(contender: Contender) -> FloatArray:
    """Return the test points [P, m] of all seeds."""
    return np.concatenate([np.asarray(r.fronts["test"].losses, float) for r in contender.records])


def surfaces_of(contender: Contender) -> dict[int, FloatArray]:
    """Return number of seeds -> surface that they attain, for one seed, half of them and all; two objectives only."""
    fronts = [record.fronts["test"].losses for record in contender.records]
    n_seeds = sorted({1, _half(len(fronts)), len(fronts)})
    surfaces = attainment_surfaces(fronts, [100 * k / len(fronts) for k in n_seeds])
    return dict(zip(n_seeds, surfaces.values(), strict=True))


def _half(n: int) -> int:
    return -(-n // 2)


def window(group: Group) -> Window:
    """Return the range from the smallest to the largest loss, capped slightly beyond the reference point."""
    points = np.concatenate([points_of(c) for c in group.contenders])
    low, high = points.min(axis=0), points.max(axis=0)
    bound = np.asarray(group.reference)
    capped = np.where(bound > low, np.minimum(high, np.maximum(bound, low)), high)
    if is_named() and (low > 0).all():
        return Window(low / 1.1, capped * 1.1)
    room = 0.05 * np.where(capped > low, capped - low, 1.0)
    return Window(low - room, capped + room)


def _stairs(axes: Axes, corners: FloatArray, seen: Window, **look: object) -> None:
    """Draw a surface as a step line that extends to the edges of the window."""
    x = np.concatenate([corners[:1, 0], corners[:, 0], [max(seen.high[0], corners[-1, 0])]])
    y = np.concatenate([[max(seen.high[1], corners[0, 1])], corners[:, 1], corners[-1:, 1]])
    axes.plot(x, y, drawstyle="steps-post", **look)  # type: ignore[arg-type]


def _band(axes: Axes, best: FloatArray, worst: FloatArray, seen: Window, colour: str) -> None:
    """Fill the band between the surface of the best seed and that of all seeds."""
    x = np.union1d(np.concatenate([best[:, 0], worst[:, 0]]), [max(seen.high[0], best[-1, 0], worst[-1, 0])])
    top = max(seen.high[1], best[0, 1], worst[0, 1])
    axes.fill_between(
        x, _height(best, x, top), _height(worst, x, top), step="post", color=colour, alpha=BAND, linewidth=0
    )


def _height(corners: FloatArray, x: FloatArray, top: float) -> FloatArray:
    """Return the second objective of a surface at each x; `top` to the left of its first corner."""
    at = np.searchsorted(corners[:, 0], x, side="right") - 1
    heights: FloatArray = np.where(at >= 0, corners[np.maximum(at, 0), 1], top)
    return heights


def _draw_contender(axes: Axes, contender: Contender, seen: Window, colour: str, marker: str, dashes: object) -> None:
    """Draw the band, median surface and points of one solver."""
    n, surfaces = len(contender.records), surfaces_of(contender)
    if n > 1:
        _band(axes, surfaces[1], surfaces[n], seen, colour)
    _stairs(axes, surfaces[_half(n)], seen, color=colour, linestyle=dashes, linewidth=1.1, label="median")
    points = points_of(contender)
    axes.plot(*points.T, linestyle="none", marker=marker, markersize=3.4, color=colour, alpha=0.85, label="points")


def _frame(axes: Axes, seen: Window) -> None:
    axes.set_xlim(seen.low[0], seen.high[0])
    axes.set_ylim(seen.low[1], seen.high[1])
    for axis in (axes.xaxis, axes.yaxis):
        if is_named() and axis.get_view_interval()[0] > 0:
            logarithmic(axis, plain=True)  # a few bad points do not squeeze the rest
        else:
            linear(axis, 4)


def _overlaid(group: Group) -> Figure:
    figure = new_figure(6.6, 2.6 * scale() + legend_inches(group.contenders) if is_named() else 4.2)
    axes, seen = figure.subplots(), window(group)
    for contender in group.contenders:
        _draw_contender(axes, contender, seen, contender.look.colour, contender.look.marker, contender.look.dashes)
    _frame(axes, seen)
    axes.set_xlabel(group.losses[0])
    axes.set_ylabel(group.losses[1])
    if is_named():
        legend_below(figure, group.contenders)
    else:
        legend(axes, group.contenders)
    heading(figure, group, f"test fronts, {_explained(group)}")
    return figure


def _multiples(group: Group) -> Figure:
    figure, panels, bottom = small_multiples(len(group.contenders))
    seen = window(group)
    all_points = np.concatenate([points_of(c) for c in group.contenders])
    pooled = all_points[indicators.non_dominated(all_points)]
    pooled = pooled[np.argsort(pooled[:, 0], kind="stable")]
    for axes, contender in zip(panels, group.contenders, strict=True):
        # these points repeat in every panel; rasterized, they take a tenth of the bytes
        axes.plot(*all_points.T, linestyle="none", marker=".", markersize=1.8, color=OTHERS, zorder=1, label="others",
                  rasterized=True)  # fmt: skip
        _stairs(axes, pooled, seen, color=REST, linewidth=0.8, linestyle=(0, (2, 1.5)), zorder=1.5, label="pooled")
        _draw_contender(axes, contender, seen, contender.colour, contender.marker, "-")
        _frame(axes, seen)
        title(axes, contender)
        _count_outside(axes, points_of(contender), seen)
    for axes in bottom:
        axes.set_xlabel(group.losses[0])
    figure.supylabel(group.losses[1], fontsize=text_points(8.5))
    handles = {
        "points of all solvers": Line2D([], [], color=OTHERS, marker=".", linestyle="none"),
        "their pooled front": Line2D([], [], color=REST, linewidth=0.8, linestyle=(0, (2, 1.5))),
    }
    family_key(figure, group, handles, markersize=4)
    heading(figure, group, f"test fronts, best hypervolume first; {_explained(group)}")
    return figure


def _count_outside(axes: Axes, points: FloatArray, seen: Window) -> None:
    """Note the number of points outside the panel, if any."""
    n = seen.outside(points)
    if n:
        axes.text(
            0.97, 0.95, f"{n} of {len(points)}\npoints outside", transform=axes.transAxes, ha="right", va="top",
            fontsize=text_points(7), color="#444444",
        )  # fmt: skip


def _explained(group: Group) -> str:
    n = max(len(c.records) for c in group.contenders)
    return "1 seed" if n == 1 else f"line: attained by half of {n} seeds, band: by one to by all"
