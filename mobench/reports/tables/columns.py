"""Catalogue of table columns: label, unit, direction, digits and meaning.

Tables, plots and pages look up a column here by its name in the leaderboard, so that units, order and direction
are the same everywhere. A new column needs its description here and its value in one place: `_QUALITY` of
`mobench.reports.analysis.measurements`, or `COSTS` of `mobench.reports.analysis.costs`. Short tables list their
columns: `MAIN` in `content`, `SHORT` in `table_files`, `PRESETS` in `presets`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from mobench.errors import MobenchError
from mobench.jobs.job import Part
from mobench.records.outline import Measured

Better = Literal["higher", "lower", ""]
Directions = Mapping[tuple[str, str], Better]
"""(dataset, "objective/metric") -> which values are better."""

HALF = " ±"
"""Suffix of the names of columns of half widths."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    name:     name in the leaderboard's table, such as "training s".
    label:    label for readers, without the unit: "training".
    meaning:  description in one sentence.
    better:   "higher", "lower", or "" if neither is better, as for names and counts.
    unit:     unit of the values; "" for pure numbers.
    decimals: default number of digits after the decimal point.
    latex, html: the label with typeset symbols, abbreviated in LaTeX; "" if the plain label is sufficient.
    text:     whether the values are text.
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

    @property
    def heading(self) -> str:
        """The label with its unit, as plain text."""
        return f"{self.label} [{self.unit}]" if self.unit else self.label


def column(name: str, dataset: str = "", directions: Directions | None = None) -> Column:
    """Return the description of a column of the leaderboard by its name.

    dataset, directions: the dataset and the result of `directions_of`, which give the direction of a metric;
        without them it is "".

    A name that is not in the catalogue gives a column without unit and direction, with the name as its label.
    """
    if name in _fixed():
        return _fixed()[name]
    for pattern, template in _families():
        if match := re.fullmatch(pattern, name):
            words = {k: v for k, v in match.groupdict().items() if v}
            result = _filled(template, name, words)
            if "metric" in words:
                key = dataset, f"{words['objective']}/{words['metric']}" if "objective" in words else words["metric"]
                result = replace(result, better=(directions or {}).get(key, ""))
            return result
    return Column(name, name, f"{name}, which is missing in the catalogue of columns")


def catalogue() -> list[Column]:
    """Return the columns with a fixed name, in the order of the tables. Columns of metrics are named after them."""
    return list(_fixed().values())


def directions_of(records: Iterable[Measured]) -> Directions:
    """Return the direction of each dataset's metrics, as its plugin declares them.

    Each metric is listed as "objective/metric" and as "metric". Datasets whose plugin is not installed are skipped,
    so no value of their metrics is marked as best.
    """
    parts: dict[str, Part] = {}
    for record in records:
        parts.setdefault(record.job.dataset.name, record.job.dataset)
    directions: dict[tuple[str, str], Better] = {}
    for name, part in parts.items():
        for metric, higher in _declared(part):
            directions[name, metric] = "higher" if higher else "lower"
    return directions


def _declared(part: Part) -> list[tuple[str, bool]]:
    from mobench.jobs.resolve import make_dataset

    try:
        objectives = make_dataset(part).objectives
    except MobenchError:  # the plugin is not installed; its records can still be read
        return []
    pairs = [(o.name, m) for o in objectives for m in o.metrics]
    return [(name, m.higher_is_better) for o, m in pairs for name in (f"{o}/{m.name}", m.name)]


def _filled(template: Column, name: str, words: Mapping[str, str]) -> Column:
    texts = {field: getattr(template, field) for field in ("label", "meaning")}
    for word, value in words.items():
        texts = {field: text.replace(f"<{word}>", value) for field, text in texts.items()}
    return replace(template, name=name, **texts)


@cache
def _fixed() -> dict[str, Column]:
    return {c.name: c for c in (*_names(), *_quality(), *_costs())}


def _names() -> list[Column]:
    def words(name: str, meaning: str) -> Column:
        return Column(name, name, meaning, text=True)

    return [
        words("dataset", "the dataset, whose rows are compared with each other and with no others"),
        words("solver", "the method, with the options that tell its rows apart"),
        words("model", "the target network"),
        words("rank", "place by hypervolume, as an interval where solvers do not differ significantly"),
        words("status", "complete, or which jobs are missing and why; only complete rows are ranked"),
        words("preference", "weights of the objectives, which sum to one; a larger one asks for a smaller loss"),
        words("split", "the part of the data that was evaluated"),
        words("chosen", "yes at the preference that validation chooses; the test split has no part in it"),
        Column("seeds", "seeds", "number of completed jobs that the row averages", decimals=0),
    ]


def _quality() -> list[Column]:
    volume = "volume that the front dominates below the reference point, in units of the losses"
    return [
        Column("hypervolume", "hypervolume", f"{volume}, at all rays of the test split", "higher", latex="HV"),
        Column("hypervolume at equal K", "hypervolume at equal K", f"{volume}, at the K rays that finite sets train",
               "higher", latex="HV at equal $K$", html="hypervolume at equal <i>K</i>"),
        Column("Δm", "Δm", "mean relative change of the metrics against networks trained on one objective each; above "
               "0 is better; of a front, at its point with the best value on validation", "higher", "%", 1,
               latex=r"$\Delta_m$", html="Δ<i>m</i>"),
        Column("validation − test", "validation − test", "hypervolume on validation less that on the test split; far "
               "above 0 where validation was fitted", latex="validation $-$ test"),
        Column("IGD+", "IGD+", "mean distance from the known or pooled front to what the solver reaches, counting only "
               "the objectives in which it is worse", "lower", latex="IGD$^{+}$", html="IGD<sup>+</sup>"),
        Column("ε", "ε", "the least amount by which all losses must fall for the front to cover the known or pooled "
               "one", "lower", latex=r"$\varepsilon$", html="<i>ε</i>"),
        Column("GD", "GD", "mean distance from the solver's points to the known front", "lower"),
        Column("R2", "R2", "mean over rays of the smallest weighted Chebyshev distance to the ideal point", "lower",
               latex="$R_2$", html="<i>R</i><sub>2</sub>"),
        Column("non-uniformity", "non-uniformity", "how far r_i L_i is from equal over the objectives; 0 on the ray",
               "lower"),
        Column("controllability", "controllability", "rank correlation between a preference and the fall of its loss; "
               "1 where a larger preference always gives a smaller loss", "higher"),
        Column("spacing", "spacing", "standard deviation of the distances between neighbouring points", "lower"),
        Column("non-dominated", "non-dominated", "points that no other one of the front dominates, out of as many as "
               "there are rays", decimals=1),
    ]  # fmt: skip


def _costs() -> list[Column]:
    return [
        Column("training s", "training", "seconds of training, on the processor of the records", "lower", "s", 1),
        Column("training core-s", "training", "processor time of training, summed over threads; other work on the "
               "machine affects it less than the elapsed seconds", "lower", "core-s", 1),
        Column("steps", "steps", "optimiser steps", decimals=0),
        Column("nets", "nets", "networks that are trained and kept", "lower", decimals=0),
        Column("stored parameters", "parameters stored", "numbers that are stored to serve every preference",
               "lower", decimals=0),
        Column("served parameters", "parameters served", "numbers of the target network at one preference", "lower",
               decimals=0),
        Column("peak MB", "peak memory", "largest memory of the job's process", "lower", "MB", 1),
        Column("switch ms", "switch", "time from a preference to a network that serves it", "lower", "ms", 3),
        Column("ms per sample", "per sample", "time to answer one sample with a network that exists", "lower", "ms", 3),
    ]  # fmt: skip


@cache
def _families() -> list[tuple[str, Column]]:
    """Return patterns of names, the most specific first; words in <> refer to groups of the pattern."""
    return [
        (r"hypervolume \((?P<which>.+)\)",
         Column("", "hypervolume (<which>)", "hypervolume, <which>", "higher")),
        (r"hypervolume at (?P<which>.+)",
         Column("", "hypervolume at <which>", "hypervolume at <which>", "higher")),
        (r"IGD\+ (?P<which>.+)", Column("", "IGD+ <which>", "IGD+, <which>", "lower")),
        (r"rank (?P<which>.+)", Column("", "rank <which>", "place, <which>", "lower", decimals=2)),
        (r"p(?:-value)? (?P<which>.+)", Column("", "p <which>", "p-value, <which>")),
        (r"(?P<split>train|validation|test) (?P<objective>.+) loss",
         Column("", "<split> <objective> loss", "loss of <objective> on the <split> split", "lower", decimals=4)),
        (r"(?P<split>train|validation|test) (?P<objective>[^/]+)/(?P<metric>.+)",
         Column("", "<split> <objective>/<metric>", "<metric> of <objective> on the <split> split", decimals=4)),
        (r"(?P<split>train|validation|test) (?P<metric>.+)",
         Column("", "<split> <metric>", "<metric>, mean over the objectives, on the <split> split", decimals=4)),
        (r"(?P<objective>[^/]+)/(?P<metric>.+) \((?P<place>first|middle|last) ray\)",
         Column("", "<objective>/<metric> (<place> ray)", "<metric> of <objective> on the test split, at the <place> "
                "of the rays")),
        (r"(?P<objective>[^/]+)/(?P<metric>.+)",
         Column("", "<objective>/<metric>", "<metric> of <objective>")),
    ]  # fmt: skip
