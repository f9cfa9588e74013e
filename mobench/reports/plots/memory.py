"""Plot of stored parameters: one network for all preferences against one network per preference."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mobench.errors import NothingToDrawError
from mobench.reports.plots.appearance import current, filled, is_named, points, scale
from mobench.reports.plots.contenders import FAMILIES, Group
from mobench.reports.plots.panels import heading
from mobench.reports.plots.style import COLOURS, DASHES, MARKERS, logarithmic, new_figure

BYTES_PER_PARAMETER = 4
"""Weights are float32; records contain numbers of parameters."""


@dataclass(frozen=True)
class Storage:
    """Storage needed to serve K preferences: constant, or proportional to K.

    names:      the solvers with this storage.
    stored:     stored parameters in the records.
    per_net:    parameters of one network per preference; None if `stored` does not depend on K.
    n_recorded: the K at which the records have `stored`.
    """

    names: tuple[str, ...]
    stored: int
    per_net: int | None
    n_recorded: int

    def parameters(self, k: float) -> float:
        return self.stored if self.per_net is None else self.per_net * k


def storages(group: Group) -> list[Storage]:
    """Return the storages of solvers that serve several preferences, grouped by size; sets of networks first."""
    nets: dict[tuple[int, int], list[str]] = {}
    single: dict[int, list[str]] = {}
    for contender in group.contenders:
        cost = contender.records[0].cost
        if cost is None or contender.family in (FAMILIES[2], FAMILIES[4]):
            continue
        if cost.n_models > 1:
            nets.setdefault((cost.stored_parameters, cost.n_models), []).append(contender.name)
        else:
            single.setdefault(cost.stored_parameters, []).append(contender.name)
    of_nets = [Storage(tuple(names), stored, stored // n, n) for (stored, n), names in sorted(nets.items())]
    if not of_nets and single:
        of_nets = [_one_net_each(group)]  # no solver trained one network per preference
    return of_nets + [Storage(tuple(names), stored, None, 1) for stored, names in sorted(single.items(), reverse=True)]


def _one_net_each(group: Group) -> Storage:
    """Return a storage with one copy of the smallest served network per preference, if no solver trained such a set."""
    served = min(c.records[0].cost.served_parameters for c in group.contenders if c.records[0].cost is not None)
    return Storage(("a copy of the served net",), served, served, 1)


def break_even(single: Storage, nets: Storage) -> float:
    """Return the number of preferences at which a set of networks stores as much as the single network."""
    assert nets.per_net is not None
    return single.stored / nets.per_net


def table(group: Group) -> pd.DataFrame:
    """Return one row per storage: solvers, stored parameters and bytes, parameters per preference, break-even K."""
    rows = storages(group)
    nets = [s for s in rows if s.per_net is not None]
    return pd.DataFrame(
        [
            {
                "dataset": group.dataset,
                "solvers": ", ".join(s.names),
                "stored parameters": s.stored,
                "preferences at that": s.n_recorded if s.per_net is not None else "any",
                "parameters per preference": s.per_net or 0,
                "stored bytes": s.stored * BYTES_PER_PARAMETER,
                "break-even preferences": break_even(s, nets[0]) if s.per_net is None else None,
            }
            for s in rows
        ]
    )


def draw(group: Group) -> Figure:
    """Draw stored parameters and bytes against the number of preferences served.

    Raises: NothingToDrawError if no single network serves several preferences.
    """
    rows = storages(group)
    single = [s for s in rows if s.per_net is None]
    if not single:
        raise NothingToDrawError(f"{group.dataset} has no network for all preferences: there is nothing to compare")
    nets = [s for s in rows if s.per_net is not None]
    most = max(4.0, 25.0, *(3 * break_even(s, nets[0]) for s in single))
    figure = new_figure(7.6, 2.4 * scale() if is_named() else max(4.2, 1.2 + 0.32 * len(rows)))
    axes = figure.subplots()
    served = np.geomspace(1, most, 200)
    for i, storage in enumerate(rows):
        _line(axes, storage, served, i, {c.name: c.short for c in group.contenders})
    for storage in single:
        _cross(axes, storage, nets[0], left_until=most**0.35 if is_named() else 2.0)
    axes.set_xlim(1, most)
    logarithmic(axes.xaxis)
    axes.set_ylim(*_bounds(rows, most))
    logarithmic(axes.yaxis)
    axes.set_xlabel("preferences served, K")
    axes.set_ylabel("stored parameters")
    right = axes.secondary_yaxis("right", functions=(_bytes, _parameters))
    right.set_ylabel(f"stored bytes ({BYTES_PER_PARAMETER} per parameter)")
    right.set_ylim(_bytes(axes.get_ylim()[0]), _bytes(axes.get_ylim()[1]))
    logarithmic(right.yaxis, "B")
    handles, names = axes.get_legend_handles_labels()
    if is_named():
        figure.set_figheight(
            figure.get_figheight() + 0.16 * scale() * (2 + sum(1 + name.count("\n") for name in names))
        )
    figure.legend(handles, names, loc="outside lower left", ncols=1, handlelength=3.5)
    heading(figure, group, "what is stored to serve K preferences; ringed: where one network begins to store less")
    return figure


def _line(axes: Axes, storage: Storage, served: np.ndarray, i: int, called: Mapping[str, str]) -> None:
    family = 1 if storage.per_net is not None else 0
    colour = COLOURS[1] if family else COLOURS[[0, 2, 3, 4, 5][(i - 1) % 5]]
    names = ", ".join(called.get(name, name) for name in storage.names)
    description = (
        f"a net per preference, {storage.per_net:,} parameters each: {names}"
        if storage.per_net is not None
        else f"one network, {storage.stored:,} parameters: {names}"
    )
    (line,) = axes.plot(
        served, [storage.parameters(k) for k in served], color=colour, linestyle=DASHES[i % len(DASHES)],
        marker=MARKERS[i % len(MARKERS)], markevery=40, markersize=4.5,
    )  # fmt: skip
    width = current().inches
    line.set_label(
        textwrap.fill(description, 95, subsequent_indent="    ")
        if width is None
        else filled(description, width - 0.6 * scale())
    )


def _cross(axes: Axes, single: Storage, nets: Storage, left_until: float) -> None:
    """Ring the break-even and name it, on the right of the ring if it lies left of `left_until`."""
    k = break_even(single, nets)
    if k < 1:
        return
    axes.plot([k], [single.stored], linestyle="none", marker="o", markersize=9, markerfacecolor="none",
              markeredgecolor="black", zorder=4)  # fmt: skip
    at_left = k < left_until
    axes.annotate(
        f"K = {k:,.0f}" if k >= 100 else f"K = {k:.3g}", (k, single.stored), fontsize=points(7.5),
        xytext=(7, -11) if at_left else (-6, 4), textcoords="offset points", ha="left" if at_left else "right",
        zorder=5, bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 0.6},
    )  # fmt: skip


def _bounds(rows: list[Storage], most: float) -> tuple[float, float]:
    values = [s.parameters(k) for s in rows for k in (1.0, most)]
    return min(values) / 1.6, max(values) * 1.6


def _bytes(parameters: Any) -> Any:
    return parameters * BYTES_PER_PARAMETER


def _parameters(stored: Any) -> Any:
    return stored / BYTES_PER_PARAMETER
