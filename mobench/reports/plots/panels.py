"""Panels of a figure: one row with a legend per family, and grids of small multiples."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mobench.reports.plots.appearance import current, filled, is_named, n_across, points, scale
from mobench.reports.plots.contenders import FAMILIES, Contender, Group
from mobench.reports.plots.style import COLOURS, MARKERS, new_figure, shown

ROW_INCHES, COLUMN_INCHES, LEGEND_INCHES = 2.55, 2.9, 2.2
TITLE_CHARACTERS = 28
"""Number of characters that fit above the narrowest panel."""


def family_grid(rows: Sequence[tuple[str, Sequence[Contender]]], n_columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Return a figure with one row of panels per family and the legend of its members beside it, and its axes."""
    if is_named():
        return _stacked_grid(rows, n_columns)
    figure = new_figure(
        COLUMN_INCHES * n_columns + LEGEND_INCHES,
        sum(max(ROW_INCHES, 0.6 + 0.17 * len(members)) for _, members in rows) + 0.3,
    )
    grid = figure.subplots(len(rows), n_columns, squeeze=False)
    for axes, (family, members) in zip(grid, rows, strict=True):
        legend(axes[-1], members, family)
    return figure, [list(row) for row in grid]


def _stacked_grid(rows: Sequence[tuple[str, Sequence[Contender]]], n_columns: int) -> tuple[Figure, list[list[Axes]]]:
    """Return the figure and axes of `family_grid` with as many panels side by side as fit, and one legend below."""
    across = n_across(1.75, n_columns)
    down = -(-n_columns // across)
    members = [member for _, of_family in rows for member in of_family]
    figure = new_figure(COLUMN_INCHES * across, len(rows) * down * 1.75 * scale() + legend_inches(members))
    grid = figure.subplots(len(rows) * down, across, squeeze=False)
    blocks = [list(grid[down * i : down * (i + 1)].flat) for i in range(len(rows))]
    for (family, _), block in zip(rows, blocks, strict=True):
        for unused in block[n_columns:]:
            unused.remove()
        if family:
            block[0].set_title(filled(family, 0.8 * figure.get_figwidth() / across), loc="left", fontsize=points(8))
    legend_below(figure, members)
    return figure, [block[:n_columns] for block in blocks]


def _legend_columns(members: Sequence[Contender]) -> int:
    longest = max((len(m.label) for m in members), default=0)
    return n_across(0.6 * 8 / 72 * longest + 0.55, len(members) or 1)


def legend_inches(members: Sequence[Contender]) -> float:
    """Return the height of `legend_below`, with some room for a heading."""
    lines = -(-len(members) // _legend_columns(members))
    return scale() * (0.6 + 0.155 * lines)


def legend_below(figure: Figure, members: Sequence[Contender], lines: bool = True, more: Sequence[Line2D] = ()) -> None:
    """Add a legend of the members below the panels of a figure, then the handles `more` with their labels."""
    handles = [Line2D([], [], **{**m.look.line(), **({} if lines else {"linestyle": "none"})}) for m in members]
    names = [*(m.label for m in members), *(str(handle.get_label()) for handle in more)]
    box = figure.legend(
        [*handles, *more], ["x"] * len(names), loc="outside lower center", ncols=_legend_columns(members),
        handlelength=2.4, labelspacing=0.25, columnspacing=1.0, borderaxespad=0.1,
    )  # fmt: skip
    for text, name in zip(box.get_texts(), names, strict=True):
        text.set_text(name)


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
    columns = n_across(1.3, min(n, 6 if n > 8 else 4))
    rows = -(-n // columns)
    height = inches if (width := current().inches) is None else min(width / columns, 1.9 * scale())
    figure = new_figure(max(inches * columns + 0.4, 4.0), height * rows + 0.75 * scale())
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
    set_heading(figure, f"{shown(group.dataset)}: {text}{group.explained}")


def set_heading(figure: Figure, text: str) -> None:
    """Set the heading of a figure, wrapped to its width if the appearance has one; without, if it has no headings."""
    if is_named():
        _wrap_vertical_labels(figure)
    if not current().title:
        return
    lines = filled(text, current().inches)
    figure.suptitle(lines, x=0.01, ha="left", fontsize=points(9.5))
    if is_named():
        figure.set_figheight(figure.get_figheight() + 0.15 * scale() * lines.count("\n"))


def _wrap_vertical_labels(figure: Figure) -> None:
    """Wrap the labels of vertical axes to about the height of their panels."""
    for axes in figure.axes:
        inches = 0.8 * axes.get_position().height * figure.get_figheight()
        if axes.get_ylabel() and "\n" not in axes.get_ylabel():
            axes.set_ylabel(filled(axes.get_ylabel(), inches))


def title(axes: Axes, contender: Contender) -> None:
    """Set the title of a panel to the name of its solver, wrapped to the panel's width."""
    width, grid = current().inches, axes.get_gridspec()
    columns = 1 if grid is None else grid.ncols
    lines = (
        textwrap.fill(contender.label, TITLE_CHARACTERS)
        if width is None
        else filled(contender.label, (width - 0.5 * scale()) / columns - 0.1)
    )
    axes.set_title(lines, loc="left", fontsize=points(8), pad=3)


def family_key(figure: Figure, group: Group, more: Mapping[str, Line2D] | None = None, **look: Any) -> None:
    """Add a key below a figure: colour and marker of each family, overridden by `look`, then the handles `more`."""
    families = set() if is_named() else {c.family for c in group.contenders}
    handles = {
        family: Line2D([], [], **{"color": colour, "marker": marker, **look})
        for family, colour, marker in zip(FAMILIES, COLOURS, MARKERS, strict=False)
        if family in families
    }
    handles.update(more or {})
    if handles:
        columns = n_across(1.9, min(5, len(handles)))
        figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)
