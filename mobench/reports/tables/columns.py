"""Columns of tables by name, and the directions of metrics.

The definitions are in `mobench.reports.tables.column_definitions`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from mobench.errors import MobenchError
from mobench.jobs.job import Part
from mobench.records.outline import Measured
from mobench.reports.tables.column_definitions import Better, Column, families, fixed

__all__ = [
    "HALF", "HIGH", "LOW", "Better", "Column", "Directions", "catalogue", "column", "directions_of", "is_defined",
    "is_metric", "is_spread",
]  # fmt: skip

Directions = Mapping[tuple[str, str], Better]
"""(dataset, "objective/metric") -> which values are better."""

HALF, LOW, HIGH = " ±", " min", " max"
"""Suffixes of the names of columns that describe the spread over seeds: half width of an interval, smallest and largest
value."""
SPREADS = (HALF, LOW, HIGH)


def is_spread(name: str) -> bool:
    """Return whether a column of a leaderboard describes the spread of the column before it."""
    return name.endswith(SPREADS)


def column(name: str, dataset: str = "", directions: Directions | None = None) -> Column:
    """Return the description of a column of the leaderboard by its name.

    dataset, directions: the dataset and the result of `directions_of`, which give the direction of a metric;
        without them it is "".

    A name that is not in the catalogue gives a column without unit and direction, with the name as its label.
    """
    if name in fixed():
        return fixed()[name]
    for pattern, template in families():
        if match := re.fullmatch(pattern, name):
            words = {k: v for k, v in match.groupdict().items() if v}
            result = _filled(template, name, words)
            if "metric" in words:
                key = dataset, f"{words['objective']}/{words['metric']}" if "objective" in words else words["metric"]
                result = replace(result, better=(directions or {}).get(key, ""))
            return result
    return Column(name, name, f"{name}, which is missing in the catalogue of columns")


def is_metric(name: str) -> bool:
    """Return whether a name is that of a metric, whose direction its dataset declares."""
    return column(name).is_metric


def is_defined(name: str) -> bool:
    """Return whether a name is that of a column with a definition."""
    return name in fixed() or any(re.fullmatch(pattern, name) for pattern, _ in families())


def catalogue() -> list[Column]:
    """Return the columns with a fixed name, in the order of the tables. Columns of metrics are named after them."""
    return list(fixed().values())


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
