"""Style of all plots: colours, markers and line styles that can be distinguished in greyscale too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

from mobench.reports.plots.appearance import current, points
from mobench.text import single_spaced

# Six colours from a search over sRGB: of increasing lightness in greyscale, readable on white, and distinguishable
# with each type of dichromatic colour blindness. The tests check these requirements.
COLOURS = ("#0000d8", "#cf4a11", "#e94cff", "#02022b", "#833b8e", "#560000")
REST = "#8a8a8a"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", "*", ">", "h")
MORE_MARKERS = ("8", "H", "d")
"""Markers of lines beyond those that `MARKERS`, filled and hollow, tell apart."""
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 2)), (0, (8, 3)))
SEQUENTIAL = LinearSegmentedColormap.from_list("nearer-is-darker", ["#111133", "#1122dd", "#7fb2ff", "#f2f6ff"])
BAND = 0.16
LONGEST = 34
NEAR = 5.0
"""A range smaller than this factor is drawn on a linear scale, because a log scale would have almost no ticks."""


@dataclass(frozen=True)
class Look:
    """Style of one solver. No two solvers of a panel share both marker and filling."""

    colour: str
    marker: str
    dashes: Any
    filled: bool
    prominent: bool

    def line(self) -> Mapping[str, Any]:
        """Return keyword arguments of `Axes.plot` for a line with markers."""
        return {
            "color": self.colour, "linestyle": self.dashes, "linewidth": 1.4 if self.prominent else 0.8,
            "zorder": 3 if self.prominent else 2, **self.points(),
        }  # fmt: skip

    def points(self) -> Mapping[str, Any]:
        """Return keyword arguments of `Axes.plot` for markers only."""
        return {
            "marker": self.marker, "markersize": 4.5, "markeredgewidth": 0.9, "markeredgecolor": self.colour,
            "markerfacecolor": self.colour if self.filled else "white",
        }  # fmt: skip


def look(position: int) -> Look:
    """Return the style of the solver at a position in its panel: the first are coloured, the rest grey."""
    n = len(COLOURS)
    prominent = position < n
    marker, is_filled = _marker(position)
    return Look(
        COLOURS[position] if prominent else REST,
        marker,
        DASHES[position % len(DASHES)],
        is_filled,
        prominent,
    )


def _marker(position: int) -> tuple[str, bool]:
    """Return the marker of a position, and whether it is filled; they repeat after thirty positions."""
    marks = [
        (marker, is_filled) for group in (MARKERS, MORE_MARKERS) for is_filled in (True, False) for marker in group
    ]
    return marks[position % len(marks)]


def theme() -> Any:
    """Return a context for making and saving figures, independent of the user's matplotlib settings."""
    ours = {
        **{k: v for k, v in mpl.rcParamsDefault.items() if "backend" not in k and k != "toolbar"},
        **sns.axes_style("ticks"),
        "font.family": ["DejaVu Sans"], "font.size": points(8.5), "axes.titlesize": points(9),
        "axes.labelsize": points(8.5), "legend.fontsize": points(8), "legend.title_fontsize": points(8),
        "xtick.labelsize": points(7.5), "ytick.labelsize": points(7.5),
        "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.color": "#e6e6e6", "grid.linewidth": 0.6, "axes.linewidth": 0.8,
        "xtick.major.width": 0.8, "ytick.major.width": 0.8, "xtick.major.size": 3, "ytick.major.size": 3,
        # do not parse names as formulae; our own formatters avoid exponents
        "text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False,
        "axes.formatter.useoffset": False,
        "svg.hashsalt": "mobench", "svg.fonttype": "none", "pdf.fonttype": 42,
    }  # fmt: skip
    return mpl.rc_context(ours)


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of a size in inches, with constrained layout and not registered with pyplot.

    The width of the appearance, if it has one, has priority.
    """
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.03)
    return Figure(figsize=(current().inches or width, height), layout=layout)


def shown(name: str) -> str:
    """Return a name in one line of at most LONGEST characters; the end, where options differ, is kept."""
    line = single_spaced(name)
    if len(line) <= LONGEST:
        return line
    half = (LONGEST - 1) // 2
    return f"{line[:half]}…{line[-half:]}"


def logarithmic(axis: Any, unit: str = "", plain: bool = False) -> None:
    """Set a log scale with ticks such as 10 ms, 2 k or 5 M. Call it after the limits are set.

    The scale is linear if the limits are within a factor of NEAR.

    plain: use ticks such as 0.01 and 5000 instead, for labels whose unit already has a prefix.
    """
    low, high = axis.get_view_interval()
    if high / low < NEAR:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    else:
        axis._set_axes_scale("log")
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 50 else (1.0,), numticks=7))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}") if plain else EngFormatter(unit=unit))


def linear(axis: Any, most: int = 5, is_integer: bool = False) -> None:
    """Set a linear scale with few ticks; fewer on the horizontal axes of figures of a given width."""
    if current().inches is not None and axis.axis_name == "x":
        most = min(most, 3)
    axis.set_major_locator(MaxNLocator(most, integer=is_integer, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(EngFormatter() if is_integer else ScalarFormatter(useOffset=False))
