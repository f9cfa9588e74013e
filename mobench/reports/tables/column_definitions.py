"""Definitions of the columns of tables: name, meaning, direction, unit, digits, summary over seeds and source.

Tables, plots, pages and `mobench show` read a column from here (see `mobench.reports.tables.columns`), so that names,
directions and number formats are the same everywhere. A new column needs its definition here and its value in one
place: `_QUALITY` of `mobench.reports.analysis.measurements`, or `COSTS` of `mobench.reports.analysis.costs`. Which
columns a table shows by default is in `mobench.reports.tables.column_sets`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Literal

from mobench.reports.analysis.statistics import Statistic, ValueBounds

Better = Literal["higher", "lower", ""]

ARROWS = {"higher": "↑", "lower": "↓", "": ""}
"""Direction -> arrow in headings: larger or smaller values are better."""
POSITIVE: ValueBounds = (0.0, math.inf)
ANY: ValueBounds = (-math.inf, math.inf)


@dataclass(frozen=True)
class Column:
    """A column of a table.

    name:     name in the leaderboard's table, such as "training core-s". Options take it, and headings show it.
    label:    label for the axes of figures, without the unit: "training".
    meaning:  description in one sentence.
    better:   "higher", "lower", or "" if neither is better, as for names and counts.
    unit:     unit of the values; "" for pure numbers.
    decimals: default number of digits after the decimal point.
    latex, html: the name with typeset symbols; "" if the plain name is sufficient.
    text:     whether the values are text.
    statistic: summary of the values of several seeds.
    bounds:   smallest and largest possible value; None if they are unknown.
    source:   publication that defines the quantity; "" if it needs none.
    is_metric: whether the dataset declares the direction.
    """

    name: str
    label: str
    meaning: str
    better: Better = ""
    unit: str = ""
    decimals: int = 3
    latex: str = ""
    html: str = ""
    text: bool = False
    statistic: Statistic = "mean"
    bounds: ValueBounds | None = None
    source: str = ""
    is_metric: bool = False

    @property
    def heading(self) -> str:
        """The label with its unit, as plain text."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label

    @property
    def title(self) -> str:
        """The name with the arrow of its direction, as plain text."""
        return f"{self.name} {ARROWS[self.better]}".rstrip()

    @property
    def definition(self) -> tuple[str, str]:
        """Two lines: what the column shows; its direction, summary over seeds, and source."""
        direction = {"higher": "↑ larger is better", "lower": "↓ smaller is better", "": "no direction"}[self.better]
        if self.is_metric and not self.better:
            direction = "direction as the dataset declares"
        over_seeds = "" if self.text else f"{self.statistic} over seeds"
        source = f"source: {self.source}" if self.source else ""
        second = "; ".join(part for part in ("" if self.text else direction, over_seeds, source) if part)
        return f"{self.name}: {self.meaning}", second or "text"


@cache
def fixed() -> dict[str, Column]:
    """Return name -> column of the columns with a fixed name, in the order of the tables."""
    return {c.name: c for c in (*_names(), *_quality(), *_costs())}


def _names() -> list[Column]:
    def words(name: str, meaning: str) -> Column:
        return Column(name, name, meaning, text=True)

    return [
        words("dataset", "the dataset, whose rows are compared with each other and with no others"),
        words("solver", "the method, with the options that distinguish its rows"),
        words("model", "the target network"),
        words("rank", "place by hypervolume; an interval such as 2–5 where the seeds do not decide the order (paired "
              "bootstrap, 95 % for each pair); the order of the means where they separate no two solvers"),
        words("status", "complete, or which jobs are missing and why; only complete rows are ranked"),
        words("preference", "weights of the objectives, which sum to one; a larger one asks for a smaller loss"),
        words("split", "the part of the data that was evaluated"),
        words("chosen", "yes at the preference that validation chooses; the test split has no part in it"),
        Column("seeds", "seeds", "number of completed jobs that the row summarises", decimals=0),
    ]  # fmt: skip


def _quality() -> list[Column]:
    volume = "volume that the front dominates below the reference point, in units of the losses"
    hypervolume = "Zitzler & Thiele, IEEE TEC 3 (1999)"
    return [
        Column("hypervolume", "hypervolume", f"{volume}, at all rays of the test split", "higher", bounds=POSITIVE,
               source=hypervolume),
        Column("hypervolume at equal K", "hypervolume at equal K", f"{volume}, at the K rays that finite sets train",
               "higher", html="hypervolume at equal <i>K</i>", bounds=POSITIVE,
               source=hypervolume),
        Column("Δm", "Δm", "mean relative change of the metrics against networks trained on one objective each; above "
               "0 is better; of a front, at its point with the best value on validation", "higher", "%", 1,
               latex=r"$\Delta_m$", html="Δ<i>m</i>", bounds=ANY, source="arXiv 1904.08918, as in LibMTL"),
        Column("validation − test", "validation − test", "hypervolume on validation less that on the test split; far "
               "above 0 where validation was fitted", latex="validation $-$ test", bounds=ANY),
        Column("IGD+", "IGD+", "mean distance from the known or pooled front to what the solver reaches, counting only "
               "the objectives in which it is worse", "lower", latex="IGD+", html="IGD<sup>+</sup>", bounds=POSITIVE,
               source="Ishibuchi et al., EMO 2015"),
        Column("ε", "ε", "the least amount by which all losses must fall for the front to cover the known or pooled "
               "one", "lower", latex=r"$\varepsilon$", html="<i>ε</i>", bounds=ANY,
               source="Zitzler et al., IEEE TEC 7 (2003)"),
        Column("GD", "GD", "mean distance from the solver's points to the known front", "lower", bounds=POSITIVE,
               source="Van Veldhuizen & Lamont 1998"),
        Column("R2", "R2", "mean over rays of the smallest weighted Chebyshev distance to the ideal point", "lower",
               latex="R2", html="<i>R</i>2", bounds=POSITIVE, source="Hansen & Jaszkiewicz 1998"),
        Column("non-uniformity", "non-uniformity", "how far r_i L_i is from equal over the objectives; 0 on the ray",
               "lower", bounds=POSITIVE, source="arXiv 2010.04104"),
        Column("controllability", "controllability", "rank correlation between a preference and the fall of its loss; "
               "1 where a larger preference always gives a smaller loss", "higher", bounds=(-1.0, 1.0),
               source="mobench (Spearman's correlation)"),
        Column("spacing", "spacing", "standard deviation of the distances between neighbouring points", "lower",
               bounds=POSITIVE, source="Schott 1995"),
        Column("non-dominated", "non-dominated", "points that no other one of the front dominates, out of as many as "
               "there are rays", decimals=1, statistic="median", bounds=POSITIVE),
    ]  # fmt: skip


def _costs() -> list[Column]:
    def cost(
        name: str, label: str, meaning: str, better: Better = "lower", unit: str = "", decimals: int = 0
    ) -> Column:
        return Column(name, label, meaning, better, unit, decimals, statistic="median", bounds=POSITIVE)

    return [
        cost("training s", "training", "elapsed seconds of training on the hardware of the records; other work on the "
             "machine adds to them", unit="s", decimals=1),
        cost("training core-s", "training", "processor time of training, summed over threads; other work on the "
             "machine affects it less than the elapsed seconds", unit="core-s", decimals=1),
        cost("steps", "steps", "optimiser steps", ""),
        cost("nets", "nets", "networks that are trained and kept"),
        cost("stored parameters", "parameters stored", "numbers that are stored to serve every preference"),
        cost("served parameters", "parameters served", "numbers of the target network at one preference"),
        cost("peak MB", "peak memory", "largest memory of the job's process", unit="MB", decimals=1),
        cost("switch ms", "switch", "time from a preference to a network that serves it", unit="ms", decimals=3),
        cost("ms per sample", "per sample", "time to answer one sample with a network that exists", unit="ms",
             decimals=3),
    ]  # fmt: skip


@cache
def families() -> list[tuple[str, Column]]:
    """Return patterns of names, the most specific first; words in <> refer to groups of the pattern."""
    return [
        (r"hypervolume \((?P<which>.+)\)",
         Column("", "hypervolume (<which>)", "hypervolume, <which>", "higher", bounds=POSITIVE)),
        (r"hypervolume at (?P<which>.+)",
         Column("", "hypervolume at <which>", "hypervolume at <which>", "higher", bounds=POSITIVE)),
        (r"IGD\+ (?P<which>.+)", Column("", "IGD+ <which>", "IGD+, <which>", "lower", bounds=POSITIVE)),
        (r"rank (?P<which>.+)", Column("", "rank <which>", "place, <which>", "lower", decimals=2)),
        (r"p(?:-value)? (?P<which>.+)", Column("", "p <which>", "p-value, <which>")),
        (r"(?P<split>train|validation|test) (?P<objective>.+) loss",
         Column("", "<split> <objective> loss", "loss of <objective> on the <split> split", "lower", decimals=4)),
        (r"(?P<split>train|validation|test) (?P<objective>[^/]+)/(?P<metric>.+)",
         Column("", "<split> <objective>/<metric>", "<metric> of <objective> on the <split> split", decimals=4,
                is_metric=True)),
        (r"(?P<split>train|validation|test) (?P<metric>.+)",
         Column("", "<split> <metric>", "<metric>, mean over the objectives, on the <split> split", decimals=4,
                is_metric=True)),
        (r"(?P<objective>[^/]+)/(?P<metric>.+) \((?P<place>first|middle|last) ray\)",
         Column("", "<objective>/<metric> (<place> ray)", "<metric> of <objective> on the test split, at the <place> "
                "of the rays", is_metric=True)),
        (r"(?P<objective>[^/]+)/(?P<metric>.+)",
         Column("", "<objective>/<metric>", "<metric> of <objective>", is_metric=True)),
    ]  # fmt: skip
