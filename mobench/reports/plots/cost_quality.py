"""Plot of cost against quality, with the front of the solvers that no other beats in both."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from mobench.arrays import FloatArray
from mobench.errors import NothingToDrawError
from mobench.metrics import indicators
from mobench.reports.analysis.costs import CORE_SECONDS, PEAK_MEMORY, STORED_PARAMETERS, SWITCH_TIME, TRAINING_SECONDS
from mobench.reports.analysis.measurements import measurements
from mobench.reports.plots.appearance import is_named, n_across, scale
from mobench.reports.plots.contenders import FAMILIES, Contender, Group
from mobench.reports.plots.label_positions import label_points
from mobench.reports.plots.panels import heading, legend_below, legend_inches
from mobench.reports.plots.short_names import with_unit
from mobench.reports.plots.style import COLOURS, MARKERS, REST, linear, logarithmic, new_figure
from mobench.reports.tables.columns import column

TIMES = (CORE_SECONDS, TRAINING_SECONDS)
"""Training time: processor time if all records have it, because other work on the machine does not affect it."""
OTHER_COSTS = (STORED_PARAMETERS, PEAK_MEMORY, SWITCH_TIME)
"""Further cost columns of the leaderboard, one panel each."""
LOSS, VOLUME = "loss", "hypervolume"
CROWD = 8
"""With more solvers than this, panels are larger to fit the names."""


def table(group: Group) -> pd.DataFrame:
    """Return one row per solver: family, test quality and costs, and whether it is on the front of each cost.

    Each number is given as mean, smallest and largest value over seeds. Quality is the hypervolume or, with one
    objective, the loss. Unknown costs are NaN, and so is the switch time of a solver that takes no preference.
    """
    quality, costs = quality_of(group), costs_of(group)
    rows = pd.DataFrame([_row(contender, group, quality, costs) for contender in group.contenders])
    rows = rows[rows[costs].notna().any(axis=1)].reset_index(drop=True)
    for name in costs:
        better = rows[quality].to_numpy(float) * (-1 if quality == LOSS else 1)
        rows[f"on the front of {name}"] = on_front(rows[name].to_numpy(float), better)
    return rows


def quality_of(group: Group) -> str:
    """Return the name of the quality column."""
    return LOSS if len(group.objectives) == 1 else VOLUME


def costs_of(group: Group) -> list[str]:
    """Return the names of the cost columns."""
    records = [record for contender in group.contenders for record in contender.records]
    has_core_seconds = all(r.cost is not None and r.cost.training_core_seconds is not None for r in records)
    return [TIMES[0 if has_core_seconds else 1], *OTHER_COSTS]


def _row(contender: Contender, group: Group, quality: str, costs: list[str]) -> dict[str, Any]:
    measured = measurements(contender.records).assign(loss=[r.fronts["test"].losses[0][0] for r in contender.records])
    if contender.family == FAMILIES[2]:
        measured[SWITCH_TIME] = math.nan
    numbers = measured[[quality, *costs]].astype(float)
    spread = {"": numbers.mean(), " low": numbers.min(), " high": numbers.max()}
    return {
        "dataset": group.dataset,
        "solver": contender.name,
        "family": contender.family,
        "seeds": len(contender.records),
        **{f"{name}{end}": values[name] for name in (quality, *costs) for end, values in spread.items()},
    }


def on_front(cost: FloatArray, quality: FloatArray) -> NDArray[np.bool_]:
    """Return a mask [P] of the non-dominated solvers: no other is at least as cheap and as good, and better in one.

    Solvers with unknown cost (NaN) are ignored and give False.
    """
    is_known = np.isfinite(cost)
    mask = np.zeros(len(cost), bool)
    if is_known.any():
        mask[is_known] = indicators.non_dominated(np.column_stack([cost, -quality])[is_known])
    return mask


def draw(group: Group) -> Figure:
    """Draw a panel per known cost. Raises: NothingToDrawError if fewer than two solvers have a known cost."""
    rows, quality = table(group), quality_of(group)
    if len(rows) < 2:
        count = "1 solver" if len(rows) == 1 else "no solver"
        raise NothingToDrawError(f"{group.dataset} has {count} whose cost is known: there is no front")
    costs = [name for name in costs_of(group) if rows[name].notna().any()]
    members = [c for c in group.contenders if c.name in set(rows["solver"])]
    across = n_across(2.4, min(len(costs), 2))
    figure, panels = _panels(len(costs), across, crowded=len(rows) > CROWD, legend=legend_inches(members))
    for axes, name in zip(panels, costs, strict=True):
        _panel(axes, rows, name, quality, group)
    label = with_unit("loss", group.units[0]) if quality == LOSS else group.measure.replace(", ", "\n", 1)
    for axes in panels[::across]:
        axes.set_ylabel(f"test {label}")
    _key(figure, rows, members)
    heading(figure, group, f"quality against cost, {'down' if quality == LOSS else 'up'} and left is better "
            f"({_explained(rows, group)})")  # fmt: skip
    figure.draw_without_rendering()  # names are placed after the layout is final
    called = {c.name: c.label for c in group.contenders}
    for axes, name in zip(panels, costs, strict=True):
        priced = rows.dropna(subset=[name])
        points = list(zip(priced[name].tolist(), priced[quality].tolist(), strict=True))
        label_points(axes, points, [called[s] for s in priced["solver"]], priced[f"on the front of {name}"].tolist())
    figure.set_layout_engine("none")
    return figure


def _panels(n: int, columns: int, crowded: bool, legend: float) -> tuple[Figure, list[Axes]]:
    rows = -(-n // columns)
    width, height = (5.5, 3.8) if crowded else (4.3, 2.7)
    total = 2.1 * scale() * rows + legend if is_named() else height * rows + 0.6
    figure = new_figure(max(width * columns, 6.5), total)
    panels = list(figure.subplots(rows, columns, sharey=True, squeeze=False).flat)
    for unused in panels[n:]:
        unused.remove()
    return figure, panels[:n]


def _panel(axes: Axes, rows: pd.DataFrame, name: str, quality: str, group: Group) -> None:
    front = rows[rows[f"on the front of {name}"]].sort_values([name, quality], kind="stable")
    axes.plot(front[name], front[quality], drawstyle="steps-post", color=REST, linewidth=1.0,
              linestyle=(0, (4, 2)), zorder=1, label="front")  # fmt: skip
    _spread(axes, rows[rows["seeds"] > 1], name, quality)
    if is_named():
        by_name = rows.set_index("solver")
        for contender in reversed([c for c in group.contenders if c.name in by_name.index]):
            at = by_name.loc[contender.name]
            axes.plot(at[name], at[quality], linestyle="none", zorder=3, label="solvers", **contender.look.points())
    for family, members in [] if is_named() else rows.groupby("family", sort=False):
        style = FAMILIES.index(str(family))
        axes.plot(members[name], members[quality], linestyle="none", marker=MARKERS[style], markersize=5,
                  color=COLOURS[style], zorder=3, label="solvers")  # fmt: skip
    axes.plot(front[name], front[quality], linestyle="none", marker="o", markersize=10, markerfacecolor="none",
              markeredgecolor="black", markeredgewidth=0.9, zorder=4, label="on the front")  # fmt: skip
    low, high = rows[f"{name} low"].min(), rows[f"{name} high"].max()
    if low > 0:
        widen = max(1.03, (high / low) ** 0.15)
        axes.set_xlim(low / widen, high * widen)
        logarithmic(axes.xaxis, plain=bool(column(name).unit))
    else:
        linear(axes.xaxis)
    axes.set_xlabel(column(name).heading)
    axes.margins(y=0.12)
    linear(axes.yaxis)


def _spread(axes: Axes, rows: pd.DataFrame, name: str, quality: str) -> None:
    """Draw a cross over each solver that spans the range of its seeds."""
    look: dict[str, Any] = {"color": "#b5b5b5", "linewidth": 0.8, "zorder": 2}
    axes.hlines(rows[quality], rows[f"{name} low"], rows[f"{name} high"], label="costs", **look)
    axes.vlines(rows[name], rows[f"{quality} low"], rows[f"{quality} high"], label="qualities", **look)


def _explained(rows: pd.DataFrame, group: Group) -> str:
    return f"means, thin lines: smallest to largest of {group.seeds}" if (rows["seeds"] > 1).any() else group.seeds


def _key(figure: Figure, rows: pd.DataFrame, members: Sequence[Contender]) -> None:
    families = [f for f in FAMILIES if f in set(rows["family"])]
    handles = [
        Line2D([], [], linestyle="none", color=COLOURS[FAMILIES.index(f)], marker=MARKERS[FAMILIES.index(f)])
        for f in families
    ]
    ring = Line2D([], [], linestyle=(0, (4, 2)), color=REST, marker="o", markersize=9, markerfacecolor="none",
                  markeredgecolor="black")  # fmt: skip
    if is_named():
        ring.set_label("not beaten in both")
        legend_below(figure, members, lines=False, more=[ring])
        return
    figure.legend([*handles, ring], [*families, "not beaten in both"], loc="outside lower center", ncols=4)
