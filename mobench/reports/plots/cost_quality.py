"""Cost against quality: a front of its own, of the solvers that nobody beats in both."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from mobench.errors import NothingToDrawError
from mobench.metrics import indicators
from mobench.reports.columns import column
from mobench.reports.measurements import measurements
from mobench.reports.plots.contenders import FAMILIES, Group
from mobench.reports.plots.labels import label_points
from mobench.reports.plots.panels import heading
from mobench.reports.plots.style import COLOURS, MARKERS, REST, linear, logarithmic, new_figure, say, shown

Array: TypeAlias = NDArray[np.float64]


COSTS = ("training s", "stored parameters", "peak MB", "switch ms")
"""Columns of the leaderboard, each a panel."""


def table(group: Group) -> pd.DataFrame:
    """One row per solver: family, mean test hypervolume and costs, and whether it is on the front of each.

    A cost that nobody knows is NaN, and so is switching among preferences where a solver takes none.
    """
    measured = measurements([r for c in group.contenders for r in c.records]).set_index("id")
    found = pd.DataFrame(
        [
            {
                "dataset": group.dataset,
                "solver": contender.name,
                "family": contender.family,
                "seeds": len(contender.records),
                **measured.loc[[r.id for r in contender.records], ["hypervolume", *COSTS]].mean().to_dict(),
            }
            for contender in group.contenders
        ]
    )
    found.loc[found["family"] == FAMILIES[2], "switch ms"] = math.nan
    found = found[found[list(COSTS)].notna().any(axis=1)].reset_index(drop=True)
    for name in COSTS:
        found[f"on the front of {name}"] = on_front(found[name].to_numpy(float), found["hypervolume"].to_numpy(float))
    return found


def on_front(cost: Array, quality: Array) -> NDArray[np.bool_]:
    """[P]: True where nobody is both cheaper and better, or one of the two and equal in the other.

    Who has no such cost (NaN) has no part in it.
    """
    known = np.isfinite(cost)
    found = np.zeros(len(cost), bool)
    if known.any():
        found[known] = indicators.non_dominated(np.column_stack([cost, -quality])[known])
    return found


def draw(group: Group) -> Figure:
    """A panel per cost. Raises: NothingToDrawError where no record has a cost, or only one solver is there."""
    found = table(group)
    if len(found) < 2:
        raise NothingToDrawError(f"{group.dataset} has {len(found)} solvers whose cost is known: there is no front")
    crowded = len(found) > 8
    figure = new_figure(*((11.0, 8.2) if crowded else (8.6, 5.8)))
    panels = list(figure.subplots(2, 2, sharey=True).flat)
    for axes, name in zip(panels, COSTS, strict=True):
        _panel(axes, found, name)
    for axes in panels[::2]:
        axes.set_ylabel(f"test {group.measure}")
    _key(figure, found)
    heading(figure, group, f"quality against cost, up and left is better (means, {group.seeds})")
    figure.draw_without_rendering()  # the layout must be done before names find their places
    for axes, name in zip(panels, COSTS, strict=True):
        known = found.dropna(subset=[name])
        points = list(zip(known[name].tolist(), known["hypervolume"].tolist(), strict=True))
        names = [shown(solver) for solver in known["solver"]]
        label_points(axes, points, names, known[f"on the front of {name}"].tolist())
    figure.set_layout_engine("none")
    return figure


def _panel(axes: Axes, found: pd.DataFrame, name: str) -> None:
    front = found[found[f"on the front of {name}"]].sort_values([name, "hypervolume"], kind="stable")
    axes.plot(front[name], front["hypervolume"], drawstyle="steps-post", color=REST, linewidth=1.0,
              linestyle=(0, (4, 2)), zorder=1, label="front")  # fmt: skip
    for family, members in found.groupby("family", sort=False):
        style = FAMILIES.index(str(family))
        axes.plot(members[name], members["hypervolume"], linestyle="none", marker=MARKERS[style], markersize=5,
                  color=COLOURS[style], zorder=3, label="solvers")  # fmt: skip
    axes.plot(front[name], front["hypervolume"], linestyle="none", marker="o", markersize=10, markerfacecolor="none",
              markeredgecolor="black", markeredgewidth=0.9, zorder=4, label="on the front")  # fmt: skip
    low, high = found[name].min(), found[name].max()
    if math.isnan(low):
        say(axes, "no record says what this costs")
    elif low > 0:
        widen = max(1.03, (high / low) ** 0.15)
        axes.set_xlim(low / widen, high * widen)
        logarithmic(axes.xaxis, plain=bool(column(name).unit))
    else:
        linear(axes.xaxis)
    axes.set_xlabel(column(name).heading)
    axes.margins(y=0.12)
    linear(axes.yaxis)


def _key(figure: Figure, found: pd.DataFrame) -> None:
    families = [f for f in FAMILIES if f in set(found["family"])]
    handles = [
        Line2D([], [], linestyle="none", color=COLOURS[FAMILIES.index(f)], marker=MARKERS[FAMILIES.index(f)])
        for f in families
    ]
    ring = Line2D([], [], linestyle=(0, (4, 2)), color=REST, marker="o", markersize=9, markerfacecolor="none",
                  markeredgecolor="black")  # fmt: skip
    figure.legend([*handles, ring], [*families, "not beaten in both"], loc="outside lower center", ncols=4)
