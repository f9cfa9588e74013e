"""Plot of ray alignment: whether a larger preference for an objective gives a smaller loss."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobench.errors import NothingToDrawError
from mobench.metrics.indicators import non_uniformity
from mobench.reports.analysis.row_labels import seed_name
from mobench.reports.plots.contenders import Contender, Group
from mobench.reports.plots.panels import family_grid, heading, share_values
from mobench.reports.plots.style import BAND, linear, shown

SHARE = "rays with no more than that [%]"


def table(group: Group) -> pd.DataFrame:
    """Return one row per ray and seed of solvers that take a preference: preferences, losses, non-uniformity."""
    rows = []
    for contender in _steered(group):
        for record in contender.records:
            front = record.fronts["test"]
            uneven = non_uniformity(front.losses, front.preferences)
            for i, (preference, losses) in enumerate(zip(front.preferences, front.losses, strict=True)):
                rows.append(
                    {
                        "dataset": group.dataset,
                        "solver": contender.name,
                        "seed": seed_name(record.job.seeds),
                        "ray": i + 1,
                        **{f"preference {o}": r for o, r in zip(group.objectives, preference, strict=True)},
                        **{f"loss {o}": v for o, v in zip(group.objectives, losses, strict=True)},
                        # values near zero are only rounding error
                        "non-uniformity": round(float(uneven[i]), 9),
                    }
                )
    return pd.DataFrame(rows)


def _steered(group: Group) -> list[Contender]:
    return [c for c in group.contenders if len(c.records[0].fronts["test"].preferences) > 1]


def draw(group: Group) -> Figure:
    """Draw a panel per objective and one of non-uniformity, with a row per family that takes a preference.

    Raises: NothingToDrawError if no solver takes a preference.
    """
    rays = table(group)
    m = len(group.objectives)
    if rays.empty or m < 2:
        raise NothingToDrawError(f"no solver of {group.dataset} takes a preference among objectives")
    rows = group.rows_of(set(rays["solver"]))
    figure, grid = family_grid(rows, m + 1)
    for axes_row, (_, members) in zip(grid, rows, strict=True):
        for axes, objective, label in zip(axes_row, group.objectives, group.losses, strict=False):
            _panel(axes, members, rays, f"preference {objective}", f"loss {objective}")
            axes.set_ylabel(label)
        if m == 2:
            _panel(axes_row[-1], members, rays, f"preference {group.objectives[0]}", "non-uniformity")
        else:  # rays of three or more objectives do not lie on a line
            _panel(axes_row[-1], members, ordered(rays), SHARE, "non-uniformity")
        axes_row[-1].set_ylabel("non-uniformity [nats]")
    for axes, objective in zip(grid[-1], group.objectives, strict=False):
        axes.set_xlabel(f"preference for {shown(objective)}")
    grid[-1][-1].set_xlabel(f"preference for {shown(group.objectives[0])}" if m == 2 else SHARE)
    share_values([axes_row[-1] for axes_row in grid])
    heading(figure, group, f"losses should fall as their preference rises ({_explained(group)})")
    return figure


def ordered(rays: pd.DataFrame) -> pd.DataFrame:
    """Return the rays of each solver and seed sorted by non-uniformity, with the cumulative share of rays."""
    sorted_rays = rays.sort_values(["solver", "seed", "non-uniformity"], kind="stable").reset_index(drop=True)
    of_seed = sorted_rays.groupby(["solver", "seed"])["ray"]
    return sorted_rays.assign(**{SHARE: 100 * (of_seed.cumcount() + 1) / of_seed.transform("size")})


def course(rays: pd.DataFrame, across: str, value: str) -> pd.DataFrame:
    """Return `across`, mean, low and high of a value: averaged over rays of equal preference, then over seeds."""
    of_seed = rays.groupby(["seed", across], sort=True)[value].mean().reset_index()
    return of_seed.groupby(across, sort=True)[value].agg(mean="mean", low="min", high="max").reset_index()


def _panel(axes: Axes, members: list[Contender], rays: pd.DataFrame, across: str, value: str) -> None:
    for member in reversed(members):  # draw the best last, on top
        own_rays = rays[rays["solver"] == member.name].round({across: 6})
        line = course(own_rays, across, value)
        if line["mean"].isna().all():
            continue
        marker_step = max(1, len(line) // 8)
        axes.plot(line[across], line["mean"], markevery=marker_step, **member.look.line())
        if own_rays["seed"].nunique() > 1:
            axes.fill_between(
                line[across], line["low"], line["high"], color=member.look.colour, alpha=BAND, linewidth=0
            )
    linear(axes.xaxis)
    linear(axes.yaxis)


def _explained(group: Group) -> str:
    several = ", mean over rays with equal preference" if len(group.objectives) > 2 else ""
    n = max(c.n_expected for c in group.contenders)
    return f"{group.seeds}{several}" if n == 1 else f"line: mean of {n} seeds, band: smallest to largest{several}"
