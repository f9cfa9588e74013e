"""Early stopping: whether validation checks no longer improve."""

from __future__ import annotations

import math
from collections.abc import Sequence


def is_stalled(hypervolumes: Sequence[float | None], patience: int) -> bool:
    """Return whether the last `patience` values are all at most the largest value before them; None is the smallest."""
    values = [-math.inf if value is None else value for value in hypervolumes]
    return len(values) > patience and max(values[-patience:]) <= max(values[:-patience])
