"""Columns that tables show by default, in the order of importance for a reader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mobench.reports.analysis.costs import CORE_SECONDS, TRAINING_SECONDS
from mobench.reports.analysis.leaderboard import is_missing

if TYPE_CHECKING:
    import pandas as pd

BOARD = ("dataset", "rank", "solver", "model", "hypervolume", CORE_SECONDS, "stored parameters", "status")
"""The leaderboard in a terminal of 80 columns."""
WIDE = (
    "dataset", "rank", "solver", "model", "hypervolume", "hypervolume at equal K", "Δm", "IGD+", "non-uniformity",
    "controllability", CORE_SECONDS, "nets", "stored parameters", "switch ms", "status",
)  # fmt: skip
"""The leaderboard in a terminal with `--wide`."""
PAPER_COLUMN = ("dataset", "rank", "solver", "model", "hypervolume", CORE_SECONDS, "stored parameters")
"""LaTeX tables of the width of a column; the last ones are left out where they do not fit."""
PAPER_PAGE = (
    "dataset", "rank", "solver", "model", "hypervolume", "hypervolume at equal K", "non-uniformity", CORE_SECONDS,
    "stored parameters",
)  # fmt: skip
"""LaTeX tables of the width of a page."""


def informative(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the columns that carry information in a frame, in their order.

    Columns without a value are left out, and so are the dataset and the model if there is only one. For the time of
    training see `measured_times`.
    """
    present = [name for name in measured_times(frame, names) if _has_values(frame, name)]
    return [name for name in present if name not in ("dataset", "model") or frame[name].nunique() > 1]


def measured_times(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the names with elapsed seconds instead of processor time if no row has the latter."""
    has_core_seconds = _has_values(frame, CORE_SECONDS)
    return [TRAINING_SECONDS if name == CORE_SECONDS and not has_core_seconds else name for name in names]


def _has_values(frame: pd.DataFrame, name: str) -> bool:
    return name in frame.columns and not all(map(is_missing, frame[name]))
