"""Cost columns of the leaderboard: their names, and how each is read from the cost of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mobench.records.record import Cost

TRAINING_SECONDS = "training s"
CORE_SECONDS = "training core-s"
"""This column is present only when some record has the value; older records do not."""
STORED_PARAMETERS = "stored parameters"
PEAK_MEMORY = "peak MB"
SWITCH_TIME = "switch ms"

TIMES = (TRAINING_SECONDS, CORE_SECONDS, SWITCH_TIME, "ms per sample")
"""Columns of times, which are comparable on the same hardware only."""

COSTS: Mapping[str, Callable[[Cost], float | None]] = {
    TRAINING_SECONDS: lambda cost: cost.training_seconds,
    CORE_SECONDS: lambda cost: cost.training_core_seconds,
    "steps": lambda cost: cost.steps,
    "nets": lambda cost: cost.n_models,
    STORED_PARAMETERS: lambda cost: cost.stored_parameters,
    "served parameters": lambda cost: cost.served_parameters,
    PEAK_MEMORY: lambda cost: cost.peak_bytes / 1e6,
    SWITCH_TIME: lambda cost: None if cost.switch_seconds is None else cost.switch_seconds * 1e3,
    "ms per sample": lambda cost: cost.inference_seconds_per_sample * 1e3,
}
"""Column -> its value, in the order of the table. `reports.tables.columns` describes each column."""

CONSTANT_COSTS = frozenset({"steps", "nets", STORED_PARAMETERS, "served parameters"})
"""Costs that do not depend on the seed and therefore have no interval."""
