"""Performance profiles of hypervolume over data sets and seeds.

Source: Dolan & Moré, Mathematical Programming 91 (2002), 201-213. A problem is a seed of a data set; the cost is the
reciprocal of the test hypervolume, so the ratio is the best hypervolume of the problem over that of the solver.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from mobench.arrays import FloatArray
from mobench.errors import NothingToDrawError
from mobench.records.record import Record
from mobench.reports.analysis.profiles import Profile, performance_profiles
from mobench.reports.analysis.row_labels import seed_name
from mobench.reports.plots.appearance import scale
from mobench.reports.plots.contenders import FAMILIES, Contender, groups_of
from mobench.reports.plots.panels import legend_below, legend_inches, set_heading
from mobench.reports.plots.short_names import short_names
from mobench.reports.plots.solver_looks import looks_of
from mobench.reports.plots.style import linear, logarithmic, new_figure

TAIL = 1.05
"""Factor by which the horizontal axis extends beyond the largest ratio."""


@dataclass(frozen=True)
class Compared:
    """Profiles of the solvers that were trained on every data set.

    solvers:    names, best first: by the area below the profile, which also decides which are highlighted.
    identities: what decides the colour of each.
    profiles:   one per solver.
    n_problems: number of problems.
    n_datasets: number of data sets.
    """

    solvers: tuple[str, ...]
    identities: tuple[str, ...]
    profiles: tuple[Profile, ...]
    n_problems: int
    n_datasets: int

    @property
    def widest(self) -> float:
        """Largest finite ratio."""
        return max((float(p.ratios[-1]) for p in self.profiles if len(p.ratios)), default=1.0)


def subjects(records: Sequence[Record]) -> list[tuple[str, Compared]]:
    """Return the comparison over all data sets; a seed that a solver lacks counts as a failure."""
    values: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    groups = groups_of(records)
    for group in groups:
        for contender in group.contenders:
            if contender.family == FAMILIES[3]:  # imported fronts share no seeds with the others
                continue
            for record in contender.records:
                key = (group.dataset, seed_name(record.job.seeds))
                values[contender.name][key] = record.indicators["test"]["hypervolume"] or 0.0
    datasets = {group.dataset for group in groups}
    everywhere = sorted(name for name, of_name in values.items() if {dataset for dataset, _ in of_name} == datasets)
    problems = sorted({key for name in everywhere for key in values[name]})
    if not problems:
        return [("", Compared((), (), (), 0, len(datasets)))]
    volumes = np.array([[values[name].get(key, 0.0) for name in everywhere] for key in problems])
    profiles = performance_profiles(_costs(volumes))
    widest = TAIL * max((float(p.ratios[-1]) for p in profiles if len(p.ratios)), default=1.0)
    areas = [_area(profile, widest) for profile in profiles]
    order = sorted(range(len(everywhere)), key=lambda i: (-areas[i], everywhere[i]))
    identity = {c.name: c.identity for group in groups for c in group.contenders}
    names = tuple(everywhere[i] for i in order)
    identities = tuple(identity[name] for name in names)
    return [("", Compared(names, identities, tuple(profiles[i] for i in order), len(problems), len(datasets)))]


def _costs(volumes: FloatArray) -> FloatArray:
    """Return the reciprocal of hypervolumes; a volume of zero is a failure."""
    costs: FloatArray = np.divide(1.0, volumes, out=np.full_like(volumes, np.inf), where=volumes > 0)
    return costs


def _area(profile: Profile, widest: float) -> float:
    steps = np.diff(profile.shares, prepend=0.0)
    return float((steps * (widest - profile.ratios)).sum())


def table(compared: Compared) -> pd.DataFrame:
    """Return one row per step of a profile: solver, ratio and the share of problems within that ratio."""
    rows = [
        {"solver": solver, "problems": compared.n_problems, "ratio": ratio, "share": share}
        for solver, profile in zip(compared.solvers, compared.profiles, strict=True)
        for ratio, share in zip(profile.ratios.tolist(), profile.shares.tolist(), strict=True)
    ]
    return pd.DataFrame(rows, columns=["solver", "problems", "ratio", "share"])


def draw(compared: Compared) -> Figure:
    """Draw a profile per solver. Raises: NothingToDrawError with less than two data sets, or two solvers on all."""
    if compared.n_datasets < 2 or len(compared.solvers) < 2:
        raise NothingToDrawError(
            f"a performance profile needs two solvers with records of the same two or more data sets; there are "
            f"{len(compared.solvers)} solvers with records of all {compared.n_datasets} data sets"
        )
    called = short_names(compared.solvers)
    members = [
        Contender(name, called.short[name], "", (), 0, look)
        for name, look in zip(compared.solvers, looks_of(compared.identities), strict=True)
    ]
    figure = new_figure(7.0, 2.4 * scale() + legend_inches(members))
    axes = figure.subplots()
    end = 1 + max(0.01, (compared.widest - 1) * TAIL)
    for member, profile in reversed(list(zip(members, compared.profiles, strict=True))):
        x = np.concatenate([[1.0], profile.ratios, [end]])
        y = np.concatenate([[profile.at(1.0)], profile.shares, profile.shares[-1:] if len(profile.shares) else [0.0]])
        axes.plot(x, y, drawstyle="steps-post", markevery=max(1, len(x) // 6), **member.look.line())
    axes.set_xlim(1 - 0.01 * (end - 1), end)
    axes.set_ylim(-0.02, 1.04)
    logarithmic(axes.xaxis, plain=True)
    linear(axes.yaxis)
    axes.set_xlabel("ratio τ: best hypervolume / hypervolume")
    axes.set_ylabel("share of problems\nwithin ratio τ")
    legend_below(figure, members)
    set_heading(
        figure,
        f"performance profiles over {compared.n_problems} seeds of {compared.n_datasets} data sets, up and left is "
        f"better{called.explained}",
    )
    return figure
