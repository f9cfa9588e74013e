"""Average ranks as a list, for figures of a given width: a line per solver, and bars as in `critical_difference`."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mobench.reports.analysis.ranking import Ranking
from mobench.reports.plots.appearance import points, scale
from mobench.reports.plots.panels import set_heading
from mobench.reports.plots.short_names import short_names
from mobench.reports.plots.solver_looks import looks_of
from mobench.reports.plots.style import new_figure


def draw(ranking: Ranking, identity: Mapping[str, str], heading: str, caption: str) -> Figure:
    """Draw the solvers, best average rank at the top; a vertical bar on the right spans solvers not separated."""
    order = sorted(range(len(ranking.solvers)), key=lambda i: (ranking.average_ranks[i], ranking.solvers[i]))
    names = [ranking.solvers[i] for i in order]
    averages = [ranking.average_ranks[i] for i in order]
    called, k = short_names(ranking.solvers).short, len(names)
    figure = new_figure(5.5, scale() * (0.9 + 0.17 * k + 0.16 * (1 + caption.count("\n")) * bool(caption)))
    axes = figure.subplots()
    for y, (average, look) in enumerate(
        zip(averages, looks_of([identity.get(name, name) for name in names]), strict=True)
    ):
        axes.plot([1, average], [y, y], color=look.colour, linewidth=0.8, zorder=2, label="leader")
        axes.plot([average], [y], linestyle="none", zorder=3, label="rank", **look.points())
    bars = ranking.indistinguishable()
    for level, run in enumerate(bars):
        places = [names.index(name) for name in run]
        x = k + 0.035 * k * (level + 1)
        axes.plot([x, x], [min(places) - 0.3, max(places) + 0.3], color="black", linewidth=2.2, label="bar",
                  solid_capstyle="butt")  # fmt: skip
    axes.set_xlim(1 - 0.03 * k, k + 0.035 * k * (len(bars) + 1))
    axes.set_ylim(k - 0.4, -0.6)
    axes.set_yticks(range(k), [f"{called[name]}  {value:.2f}" for name, value in zip(names, averages, strict=True)])
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xlabel("average rank")
    if caption:
        figure.supxlabel(caption, fontsize=points(8), x=0.01, ha="left", color="#333333")
    set_heading(figure, heading)
    return figure
