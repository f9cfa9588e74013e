"""Ray alignment: does a larger preference for an objective give a smaller loss of it?"""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobench.errors import NothingToDrawError
from mobench.metrics.indicators import non_uniformity
from mobench.reports.labels import seed_name
from mobench.reports.plots.contenders import Contender, Group
from mobench.reports.plots.panels import family_grid, heading, share_values
from mobench.reports.plots.style import BAND, linear, shown


def table(group: Group) -> pd.DataFrame:
    """One row per ray and seed of those who take a preference: preferences, losses, non-uniformity."""
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
                        "non-uniformity": uneven[i],
                    }
                )
    return pd.DataFrame(rows)


def _steered(group: Group) -> list[Contender]:
    return [c for c in group.contenders if len(c.records[0].fronts["test"].preferences) > 1]


def draw(group: Group) -> Figure:
    """A panel per objective and one of non-uniformity, a row for each family that takes a preference.

    Raises: NothingToDrawError where nobody does.
    """
    rays = table(group)
    if rays.empty or len(group.objectives) < 2:
        raise NothingToDrawError(f"no solver of {group.dataset} takes a preference among objectives")
    named = set(rays["solver"])
    rows = [(family, [c for c in members if c.name in named]) for family, members in group.rows]
    rows = [(family, members) for family, members in rows if members]
    m = len(group.objectives)
    figure, grid = family_grid(rows, m + 1)
    for axes_row, (_, members) in zip(grid, rows, strict=True):
        for axes, objective in zip(axes_row, group.objectives, strict=False):
            _panel(axes, members, rays, f"preference {objective}", f"loss {objective}")
            axes.set_ylabel(f"{shown(objective)} loss")
        # with more objectives rays lie on no line, and are counted
        across = f"preference {group.objectives[0]}" if m == 2 else "ray"
        _panel(axes_row[-1], members, rays, across, "non-uniformity")
        axes_row[-1].set_ylabel("non-uniformity [nats]")
    for axes, objective in zip(grid[-1], group.objectives, strict=False):
        axes.set_xlabel(f"preference for {shown(objective)}")
    grid[-1][-1].set_xlabel(f"preference for {shown(group.objectives[0])}" if m == 2 else "ray, in the records' order")
    share_values([axes_row[-1] for axes_row in grid])
    heading(figure, group, f"losses should fall as their preference rises ({_explained(group)})")
    return figure


def course(rays: pd.DataFrame, across: str, value: str) -> pd.DataFrame:
    """`across`, mean, low and high of a value: over rays with one preference first, then over seeds."""
    of_seed = rays.groupby(["seed", across], sort=True)[value].mean().reset_index()
    return of_seed.groupby(across, sort=True)[value].agg(mean="mean", low="min", high="max").reset_index()


def _panel(axes: Axes, members: list[Contender], rays: pd.DataFrame, across: str, value: str) -> None:
    for member in reversed(members):  # the best lies on top
        own = rays[rays["solver"] == member.name].round({across: 6})
        found = course(own, across, value)
        if found["mean"].isna().all():
            continue
        every = max(1, len(found) // 8)
        axes.plot(found[across], found["mean"], markevery=every, **member.look.line())
        if own["seed"].nunique() > 1:
            axes.fill_between(
                found[across], found["low"], found["high"], color=member.look.colour, alpha=BAND, linewidth=0
            )
    linear(axes.xaxis, whole=across == "ray")
    linear(axes.yaxis)


def _explained(group: Group) -> str:
    several = ", mean over rays with equal preference" if len(group.objectives) > 2 else ""
    n = max(c.n_expected for c in group.contenders)
    return f"{group.seeds}{several}" if n == 1 else f"line: mean of {n} seeds, band: smallest to largest{several}"
