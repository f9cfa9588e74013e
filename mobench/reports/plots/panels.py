"""Panels of a figure: one row with a legend per family, and grids of small multiples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mobench.reports.plots.contenders import FAMILIES, Contender, Group
from mobench.reports.plots.style import COLOURS, MARKERS, new_figure, shown

ROW_INCHES, COLUMN_INCHES, LEGEND_INCHES = 2.55, 2.9, 2.2
TITLE_CHARACTERS = 28
"""Number of characters that fit above the narrowest panel."""


def family_grid(rows: Sequence[tuple[str, Sequence[Contender]]], n_columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with one row of panels per family and the legend of its members beside it, and its axes."""
    figure = new_figure(
        COLUMN_INCHES * n_columns + LEGEND_INCHES,
        sum(max(ROW_INCHES, 0.6 + 0.17 * len(members)) for _, members in rows) + 0.3,
    )
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    for axes, (family, members) in zip(grid, rows, strict=True):
        legend(axes[-1], members, family)
    return figure, [list(row) for row in grid]


def legend(axes: Axes, members: Sequence[Contender], title: str = "", lines: bool = True) -> None:
    """Add a legend of the members to the right of a panel, in the given order."""
    handles = [Line2D([], [], **{**m.look.line(), **({} if lines else {"linestyle": "none"})}) for m in members]
    # set the names afterwards, because a legend skips labels that begin with an underscore
    box = axes.legend(
        handles, ["x"] * len(members), loc="upper left", bbox_to_anchor=(1.02, 1.02), borderaxespad=0, title=title,
        alignment="left", handlelength=3.2, labelspacing=0.35,
    )  # fmt: skip
    for text, member in zip(box.get_texts(), members, strict=True):
        text.set_text(member.label)


def small_multiples(n: int, inches: float = 1.9) -> tuple[Figure, list[Axes], list[Axes]]:
    """Return a figure of n equal panels with shared scales, the panels, and the lowest panel of each column."""
    columns = min(n, 6 if n > 8 else 4)
    rows = -(-n // columns)
    figure = new_figure(max(inches * columns + 0.4, 4.0), inches * rows + 0.75)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    panels = list(grid.flat)
    for unused in panels[n:]:
        unused.remove()
    bottom = panels[max(0, n - columns) : n]
    for axes in bottom:
        axes.tick_params(labelbottom=True)
    return figure, panels[:n], bottom


def share_values(panels: Sequence[Axes]) -> None:
    """Use the same vertical scale in all panels, so that they can be compared."""
    bounds = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in bounds), max(high for _, high in bounds))


def heading(figure: Figure, group: Group, text: str) -> None:
    """Set the heading of a figure: the dataset, then the text."""
    figure.suptitle(f"{shown(group.dataset)}: {text}{group.explained}", x=0.01, ha="left", fontsize=9.5)


def title(axes: Axes, contender: Contender) -> None:
    """Set the title of a panel to the name of its solver, wrapped to the panel's width."""
    axes.set_title(textwrap.fill(contender.label, TITLE_CHARACTERS), loc="left", fontsize=8, pad=3)


def family_key(figure: Figure, group: Group, more: Mapping[str, Line2D] | None = None, **look: Any) -> None:
    """Add a key below a figure: colour and marker of each family, overridden by `look`, then the handles `more`."""
    families = {c.family for c in group.contenders}
    handles = {
        family: Line2D([], [], **{"color": colour, "marker": marker, **look})
        for family, colour, marker in zip(FAMILIES, COLOURS, MARKERS, strict=False)
        if family in families
    }
    handles.update(more or {})
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=min(5, len(handles)))
