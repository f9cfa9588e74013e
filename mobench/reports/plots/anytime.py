"""Plot of anytime quality: validation value if training stops after a number of seconds, steps or gradients."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from mobench.arrays import FloatArray
from mobench.errors import NothingToDrawError
from mobench.reports.analysis.curves import curves
from mobench.reports.analysis.row_labels import seed_name
from mobench.reports.plots.contenders import Contender, Group
from mobench.reports.plots.panels import family_grid, heading, share_values
from mobench.reports.plots.short_names import volume_unit, with_unit
from mobench.reports.plots.style import BAND, linear, logarithmic

AGAINST: Mapping[str, str] = {
    "core-seconds": "processor time of training [core-s]",
    "seconds": "training time [s]",
    "step": "training steps",
    "gradient evaluations": "gradient evaluations",
}
UNITS = {"seconds": "s", "core-seconds": "s"}
WIDE = 5.0
"""Training lengths that differ by more than this factor are shown on a logarithmic scale."""


@dataclass(frozen=True)
class Curve:
    """Mean, smallest and largest value over seeds, each [P], at the costs `at` [P]."""

    at: FloatArray
    mean: FloatArray
    low: FloatArray
    high: FloatArray


def table(group: Group) -> pd.DataFrame:
    """Return the validation checks of the group's records as in `curves`, with seeds named as in the leaderboard."""
    parts = []
    for contender in group.contenders:
        for record in contender.records:
            part = curves([record], {record.id: contender.name})
            parts.append(part.assign(seed=seed_name(record.job.seeds)) if len(part) else part)
    return pd.concat(parts, ignore_index=True)


def draw(group: Group) -> Figure:
    """Draw a column per cost and a row per family. Raises: NothingToDrawError if there are no validation checks."""
    looks = table(group)
    if looks.empty:
        raise NothingToDrawError(f"no record of {group.dataset} has validation checks")
    quantity, rows = looks["what"].iloc[0], group.rows_of(set(looks["solver"]))
    # prefer processor time, which does not depend on other work on the machine
    timed = "core-seconds" in looks and bool(looks["core-seconds"].notna().all())
    left_out = "seconds" if timed else "core-seconds"
    labels = {against: label for against, label in AGAINST.items() if against != left_out}
    figure, grid = family_grid(rows, len(labels))
    for axes_row, (_, members) in zip(grid, rows, strict=True):
        for axes, against in zip(axes_row, labels, strict=True):
            _panel(axes, members, looks, against)
        axes_row[0].set_ylabel(with_unit(quantity, volume_unit(group.units)))
    share_values([axes for axes_row in grid for axes in axes_row])
    for column, (against, label) in zip(zip(*grid, strict=True), labels.items(), strict=True):
        ends, first = looks.groupby("solver")[against].max(), float(looks[against].min())
        _share_costs(list(column), ends, first, UNITS.get(against, ""))
        column[-1].set_xlabel(label)
    many = "; line: mean, band: smallest to largest of the seeds" if looks["seed"].nunique() > 1 else ""
    measure = f", reference {group.bounds}" if len(group.objectives) > 1 else ""
    heading(figure, group, f"{quantity} when training stops there ({group.seeds}{measure}){many}")
    return figure


def curve(runs: list[tuple[FloatArray, FloatArray]]) -> Curve:
    """Return the joint curve of several seeds, from the first cost at which every seed has a validation check.

    runs: costs [L] and values [L] of each seed. At each cost, a seed has the value of its last check so far; after
        its end, a seed keeps its last value.
    """
    start = max(at[0] for at, _ in runs)
    at = np.unique(np.concatenate([at for at, _ in runs]))
    at = at[at >= start]
    held = np.array([values[np.searchsorted(when, at, side="right") - 1] for when, values in runs])
    return Curve(at, held.mean(axis=0), held.min(axis=0), held.max(axis=0))


def _panel(axes: Axes, members: list[Contender], looks: pd.DataFrame, against: str) -> None:
    for member in reversed(members):  # draw the best last, on top
        checks = looks[looks["solver"] == member.name].sort_values(["seed", "step"], kind="stable")
        band = curve([(g[against].to_numpy(float), g["value"].to_numpy(float)) for _, g in checks.groupby("seed")])
        marker_step = max(1, len(band.at) // 6)
        axes.plot(band.at, band.mean, drawstyle="steps-post", markevery=marker_step, **member.look.line())
        if len(member.records) > 1:
            axes.fill_between(
                band.at, band.low, band.high, step="post", color=member.look.colour, alpha=BAND, linewidth=0
            )
    linear(axes.yaxis)


def _share_costs(panels: list[Axes], ends: pd.Series[float], first: float, unit: str) -> None:
    """Use one scale of costs for a column, logarithmic if training lengths differ by more than WIDE."""
    far = ends.max() > WIDE * ends.min() and first > 0
    for axes in panels:
        if far:
            axes.set_xlim(first / 1.2, ends.max() * 1.2)
            logarithmic(axes.xaxis, unit)
        else:
            axes.set_xlim(-0.02 * ends.max(), 1.03 * ends.max())
            linear(axes.xaxis)
            axes.xaxis.set_major_formatter(EngFormatter(unit=unit))
