"""How columns are grouped in the page, and which way is better."""

from __future__ import annotations

from typing import Any

LOWER = {"IGD+", "ε", "GD", "R2", "non-uniformity", "spacing", "validation − test"}
HIGHER = {"hypervolume", "hypervolume at equal K", "controllability", "non-dominated"}
COST = {
    "training s",
    "steps",
    "nets",
    "stored parameters",
    "served parameters",
    "peak MB",
    "switch ms",
    "ms per sample",
}
NAMES = {"dataset", "rank", "solver", "model", "seeds", "status"}


def describe(column: str) -> dict[str, Any]:
    group = (
        "name" if column in NAMES else "cost" if column in COST else "quality" if column in LOWER | HIGHER else "metric"
    )
    better = "higher" if column in HIGHER else "lower" if column in LOWER or column in COST else None
    if "accuracy" in column:
        better = "higher"
    return {"name": column, "group": group, "better": better}
