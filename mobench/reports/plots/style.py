"""How every plot looks: colours, markers and line styles that differ from each other also in grey."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, ScalarFormatter

# Found by a search over sRGB for six colours of rising lightness in grey, readable on white, that stay apart for
# people without one kind of cones; what was asked of them is measured in the tests.
COLOURS = ("#0000d8", "#cf4a11", "#e94cff", "#02022b", "#833b8e", "#560000")
REST = "#8a8a8a"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", "p", "*", ">", "h")
DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)), (0, (3, 2)), (0, (8, 3)))
SEQUENTIAL = LinearSegmentedColormap.from_list("nearer-is-darker", ["#111133", "#1122dd", "#7fb2ff", "#f2f6ff"])
BAND = 0.16
LONGEST = 34
NEAR = 5.0
"""A log scale over less than this factor has hardly a tick."""


@dataclass(frozen=True)
class Look:
    """How one solver is drawn. No two of a panel agree in both marker and filling."""

    colour: str
    marker: str
    dashes: Any
    filled: bool
    prominent: bool

    def line(self) -> Mapping[str, Any]:
        """Keywords of a line with markers."""
        return {
            "color": self.colour, "linestyle": self.dashes, "linewidth": 1.4 if self.prominent else 0.8,
            "zorder": 3 if self.prominent else 2, **self.points(),
        }  # fmt: skip

    def points(self) -> Mapping[str, Any]:
        """Keywords of markers alone, for `Axes.plot`."""
        return {
            "marker": self.marker, "markersize": 4.5, "markeredgewidth": 0.9, "markeredgecolor": self.colour,
            "markerfacecolor": self.colour if self.filled else "white",
        }  # fmt: skip


def look(position: int) -> Look:
    """The look of the solver at a position of its panel: the first are in colour, the rest in grey."""
    n = len(COLOURS)
    prominent = position < n
    return Look(
        COLOURS[position] if prominent else REST,
        MARKERS[position % len(MARKERS)],
        DASHES[position % len(DASHES)],
        (position // len(MARKERS)) % 2 == 0,
        prominent,
    )


def theme() -> Any:
    """A context in which figures are made and saved, whatever the reader's own settings are; it leaves none behind."""
    ours = {
        **{k: v for k, v in mpl.rcParamsDefault.items() if "backend" not in k and k != "toolbar"},
        **sns.axes_style("ticks"),
        "font.family": ["DejaVu Sans"], "font.size": 8.5, "axes.titlesize": 9, "axes.labelsize": 8.5,
        "legend.fontsize": 8, "legend.title_fontsize": 8, "xtick.labelsize": 7.5, "ytick.labelsize": 7.5,
        "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.color": "#e6e6e6", "grid.linewidth": 0.6, "axes.linewidth": 0.8,
        "xtick.major.width": 0.8, "ytick.major.width": 0.8, "xtick.major.size": 3, "ytick.major.size": 3,
        # a name is never a formula; exponents are avoided by formatters of our own
        "text.parse_math": False, "text.usetex": False, "axes.formatter.use_mathtext": False,
        "axes.formatter.useoffset": False,
        "svg.hashsalt": "mobench", "svg.fonttype": "none", "pdf.fonttype": 42,
    }  # fmt: skip
    return mpl.rc_context(ours)


def new_figure(width: float, height: float) -> Figure:
    """A figure in inches that keeps its parts from each other, and that pyplot knows nothing of."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.02, hspace=0.03)
    return Figure(figsize=(width, height), layout=layout)


def flat(name: str) -> str:
    """A name in one line, without what no font can show."""
    return " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", " ", name).split())


def shown(name: str) -> str:
    """A name in one line of at most LONGEST characters, its end kept: that is where options differ."""
    line = flat(name)
    if len(line) <= LONGEST:
        return line
    half = (LONGEST - 1) // 2
    return f"{line[:half]}…{line[-half:]}"


def logarithmic(axis: Any, unit: str = "", plain: bool = False) -> None:
    """A log scale with ticks as people write them: 10 ms, 2 k, 5 M. Call it when the limits are set.

    plain: 0.01 and 5000 instead, where the label has a unit with a prefix of its own.
    Where the limits are too near for that, the scale is linear.
    """
    low, high = axis.get_view_interval()
    if high / low < NEAR:
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    else:
        axis._set_axes_scale("log")
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if high / low < 50 else (1.0,), numticks=7))
        axis.set_minor_formatter(NullFormatter())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}") if plain else EngFormatter(unit=unit))


def linear(axis: Any, most: int = 5, whole: bool = False) -> None:
    """A linear scale with few ticks."""
    axis.set_major_locator(MaxNLocator(most, integer=whole, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(EngFormatter() if whole else ScalarFormatter(useOffset=False))
