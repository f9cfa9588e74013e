"""Diagram of average ranks, with bars over solvers that the paired comparison does not separate.

Source: Demšar, JMLR 7 (2006), section 3.2.3, for the layout. The bars are those of `Ranking.indistinguishable`; unlike
Nemenyi's critical difference they depend on the two solvers of a pair only.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mobench.errors import NothingToDrawError
from mobench.records.record import Record
from mobench.reports.analysis.comparison import SolverComparison, compare
from mobench.reports.analysis.leaderboard import leaderboard
from mobench.reports.analysis.paired import MIN_BLOCKS
from mobench.reports.analysis.ranking import Ranking
from mobench.reports.plots import rank_list
from mobench.reports.plots.appearance import current, filled, is_named, points
from mobench.reports.plots.contenders import FAMILIES, groups_of
from mobench.reports.plots.panels import set_heading
from mobench.reports.plots.short_names import short_names
from mobench.reports.plots.style import COLOURS, MARKERS, new_figure, shown

MOST_ABSENT = 4
BAR_STEP, NAME_STEP = 0.32, 0.5
"""Vertical distance between bars, and between names, in axis units."""


@dataclass(frozen=True)
class Ranked:
    """A comparison, with the family and identity of each solver; one of them determines its colour and marker."""

    comparison: SolverComparison
    family: Mapping[str, str]
    identity: Mapping[str, str]


def subjects(records: Sequence[Record]) -> list[tuple[str, Ranked]]:
    """Return (name, comparison) for each dataset, and ("", comparison) for all together if there are several."""
    contenders = [c for group in groups_of(records) for c in group.contenders]
    family, identity = {c.name: c.family for c in contenders}, {c.name: c.identity for c in contenders}
    return [(c.dataset, Ranked(c, family, identity)) for c in compare(leaderboard(records))]


def table(ranked: Ranked) -> pd.DataFrame:
    """Return one row per solver, best average rank first: average rank, blocks, mean, rank interval and bars."""
    ranking = ranked.comparison.ranking
    order = _by_average_rank(ranking)
    bars = ranking.indistinguishable()
    return pd.DataFrame(
        {
            "dataset": ranked.comparison.dataset or "all",
            "solver": [ranking.solvers[i] for i in order],
            "average rank": [ranking.average_ranks[i] for i in order],
            "blocks": ranking.n_blocks,
            "mean": [ranking.means[i] for i in order],
            "rank": [ranking.ranks[i] for i in order],
            "bars": [
                " ".join(str(number) for number, run in enumerate(bars, start=1) if ranking.solvers[i] in run)
                for i in order
            ],
        }
    )


def _by_average_rank(ranking: Ranking) -> list[int]:
    """Return the places of the solvers, best average rank first; ties are sorted by name."""
    return sorted(range(len(ranking.solvers)), key=lambda i: (ranking.average_ranks[i], ranking.solvers[i]))


def draw(ranked: Ranked) -> Figure:
    """Draw a comparison. Raises: NothingToDrawError if no block has scores of two solvers."""
    comparison = ranked.comparison
    ranking = comparison.ranking
    if ranking.n_blocks == 0 or len(ranking.solvers) < 2:
        scope = comparison.dataset or "all data sets together"
        raise NothingToDrawError(f"{scope}: no two solvers have a score in the same block, so there is no ranking")
    plural = "" if ranking.n_blocks == 1 else "s"
    blocks = f"seed{plural} of {shown(comparison.dataset)}" if comparison.dataset else f"data set{plural}"
    return diagram(ranking, ranked.family, blocks, comparison.absent, ranked.identity)


def diagram(
    ranking: Ranking,
    family: Mapping[str, str],
    blocks: str,
    absent: Sequence[str] = (),
    identity: Mapping[str, str] | None = None,
) -> Figure:
    """Return the diagram of a ranking, with the absent solvers listed below.

    If there are too few scores to separate solvers, no bars are drawn and the figure says so.
    """
    k = len(ranking.solvers)
    title = f"average rank over {ranking.n_blocks} {blocks} (test hypervolume, 1 is best)"
    if not ranking.has_too_few_scores:
        title += "; bars: not separated (paired bootstrap, 95 %)"
    if is_named():
        caption = _caption(ranking, absent, short_names(ranking.solvers).options)
        return rank_list.draw(ranking, identity or {}, title, caption)
    bars = [(_at(ranking, run[0]), _at(ranking, run[-1])) for run in ranking.indistinguishable()]
    levels = _stack(bars)
    top_of_names = 0.75 + BAR_STEP * (1 + max(levels, default=-1))
    depth = top_of_names + NAME_STEP * (-(-k // 2))
    called = short_names(ranking.solvers)
    caption = _caption(ranking, absent, called.options)
    figure = new_figure(9.0, 1.0 + 0.42 * (depth + 1.5) + 0.16 * caption.count("\n"))
    axes = figure.subplots()
    _scale(axes, k, depth)
    for (low, high), level in zip(bars, levels, strict=True):
        y = 0.5 + BAR_STEP * level
        axes.plot([low - 0.05, high + 0.05], [y, y], color="black", linewidth=3.2, solid_capstyle="butt", label="bar")
    for i, place in enumerate(_by_average_rank(ranking)):
        name, average = ranking.solvers[place], ranking.average_ranks[place]
        _name(axes, called.short[name], average, i, k, top_of_names, FAMILIES.index(family[name]))
    set_heading(figure, title)
    if caption:
        figure.supxlabel(caption, fontsize=points(8), x=0.01, ha="left", color="#333333")
    _key(axes, [f for f in FAMILIES if f in {family[name] for name in ranking.solvers}])
    return figure


def _caption(ranking: Ranking, absent: Sequence[str], options: str) -> str:
    """Return the text below the diagram: why there are no bars, options in brackets, and absent solvers."""
    too_few = f"No bars: {ranking.comparison.n_blocks} scores of each solver separate none ({MIN_BLOCKS} are needed)."
    lines = [too_few] if ranking.has_too_few_scores else []
    if options:
        lines.append(f"In brackets: {options}.")
    if absent:
        lines.append(f"Not ranked: {'; '.join(shown(line) for line in absent[:MOST_ABSENT])}")
        if len(absent) > MOST_ABSENT:
            lines[-1] += f" and {len(absent) - MOST_ABSENT} more"
    width = current().inches
    return "\n".join(textwrap.fill(line, 110) if width is None else filled(line) for line in lines)


def _at(ranking: Ranking, name: str) -> float:
    return ranking.average_ranks[ranking.solvers.index(name)]


def _stack(bars: Sequence[tuple[float, float]]) -> list[int]:
    """Return a level for each bar so that bars of a level do not touch; bars are given from left to right."""
    ends: list[float] = []
    levels = []
    for low, high in bars:
        free = next((i for i, end in enumerate(ends) if end + 0.15 < low), len(ends))
        ends[free : free + 1] = [high]
        levels.append(free)
    return levels


def _scale(axes: Axes, k: int, depth: float) -> None:
    """Draw the scale of ranks at the top, from 1 on the left to k on the right."""
    axes.set_xlim(1 - 0.32 * k, k + 0.32 * k)
    axes.set_ylim(depth, -1.5)
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.plot([1, k], [0, 0], color="black", linewidth=1.0, zorder=1, label="axis")
    step = 1 if k <= 12 else 2
    for tick in range(1, k + 1, step):
        axes.plot([tick, tick], [0, -0.14], color="black", linewidth=0.8, label="tick")
        axes.text(tick, -0.22, str(tick), ha="center", va="bottom", fontsize=points(7.5))


def _name(axes: Axes, name: str, average: float, i: int, k: int, top: float, style: int) -> None:
    """Draw a name at the side with a line to its rank; the better half is on the left."""
    left = i < (k + 1) // 2
    y = top + NAME_STEP * (i if left else k - 1 - i)
    edge = 1 - 0.06 * k if left else k + 0.06 * k
    axes.plot([average, average, edge], [0, y, y], color=COLOURS[style], linewidth=0.8, zorder=1, label="leader")
    axes.plot([average], [0], marker=MARKERS[style], markersize=5, color=COLOURS[style], zorder=3, label="rank",
              linestyle="none")  # fmt: skip
    text = f"{name}  {average:.2f}" if left else f"{average:.2f}  {name}"
    axes.text(edge - 0.01 * k if left else edge + 0.01 * k, y, text, ha="right" if left else "left", va="center",
              fontsize=points(8))  # fmt: skip


def _key(axes: Axes, families: Sequence[str]) -> None:
    styles = [FAMILIES.index(family) for family in families]
    handles = [Line2D([], [], color=COLOURS[i], marker=MARKERS[i], linewidth=0.8) for i in styles]
    axes.legend(handles, families, loc="upper right", bbox_to_anchor=(1.0, 1.0), ncols=3, borderaxespad=0)
