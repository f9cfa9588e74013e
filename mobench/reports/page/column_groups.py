"""Descriptions of the leaderboard's columns for the page, each with a group for the column picker."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from mobench.reports.analysis.costs import COSTS
from mobench.reports.tables.columns import Directions, column, is_spread

COUNTS = frozenset({"rank", "seeds"})
SHOWN = ("name", "label", "unit", "better", "decimals", "meaning")


def columns(names: Iterable[str], datasets: Sequence[str], directions: Directions) -> list[dict[str, Any]]:
    """Return one description per quantity: the fields in `SHOWN` of `Column`, its group, and its definition.

    The direction of a metric is taken from the first dataset that declares one.
    """
    return [_described(name, datasets, directions) for name in names if not is_spread(name)]


def _described(name: str, datasets: Sequence[str], directions: Directions) -> dict[str, Any]:
    descriptions = [column(name, dataset, directions) for dataset in datasets] or [column(name)]
    best = next((description for description in descriptions if description.better), descriptions[0])
    words = asdict(best)
    return {**{key: words[key] for key in SHOWN}, "group": _group(name, best.text), "definition": best.definition[1]}


def _group(name: str, text: bool) -> str:
    if text or name in COUNTS:
        return "name"
    if name in COSTS:
        return "cost"
    return "metric" if name.endswith(" ray)") else "quality"
