"""Cost of a search, and the best options that lie at an edge of their space. A wider space may have better ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from mobench.jobs.plan import apart
from mobench.jobs.suite import Range, Suite
from mobench.reports.tables.table_files import markdown
from mobench.search.study import StudyResult

EDGE_SHARE = 0.05
"""A value in this share of a range at either end, on the scale of the range, lies at its edge."""

COLUMNS = ["dataset", "model", "solver", "trials", "jobs", "core-s", "best options at an edge of the space"]


def edges(outcome: StudyResult, alone: Suite) -> list[str]:
    """Return the options of the best trial that lie at an edge of their space, each with its value and that edge.

    alone: the suite with this combination only.

    Lists are checked if they have three or more values, all numbers; the smallest and the largest are edges.
    """
    if outcome.best is None or alone.search is None:
        return []
    at_edges = []
    for name, value in outcome.best.settings.items():
        space = alone.search.space.get(name)
        if space is not None and (side := _edge(value, space)):
            at_edges.append(f"{name} = {value:g} ({side})")
    return at_edges


def rows(outcomes: Sequence[StudyResult], suite: Suite) -> list[list[str]]:
    """Return one row of `COLUMNS` per combination, and a last row with the totals if there are several."""
    cells, n_trials, n_jobs, total = [], 0, 0, 0.0
    for outcome, alone in zip(outcomes, apart(suite), strict=True):
        seconds = [trial.core_seconds for trial in outcome.trials]
        cost = math.nan if None in seconds else float(sum(s for s in seconds if s is not None))
        jobs = sum(len(trial.jobs) for trial in outcome.trials)
        names = [outcome.dataset, outcome.model, outcome.solver]
        at_edge = ", ".join(edges(outcome, alone)) or "–"
        cells.append([*names, str(len(outcome.trials)), str(jobs), _text(cost), at_edge])
        n_trials, n_jobs, total = n_trials + len(outcome.trials), n_jobs + jobs, total + cost
    if len(outcomes) > 1:
        n_at_edge = sum(row[-1] != "–" for row in cells)
        sides = f"{n_at_edge} of {len(outcomes)}"
        cells.append(["all", "", "", str(n_trials), str(n_jobs), _text(total), sides])
    return cells


def to_markdown(outcomes: Sequence[StudyResult], suite: Suite) -> str:
    """Return the table of `rows`; core-seconds are missing where a trial has no record of its processor time."""
    return markdown(COLUMNS, rows(outcomes, suite))


def _text(seconds: float) -> str:
    return "–" if math.isnan(seconds) else f"{seconds:.0f}"


def _edge(value: Any, space: Range | list[Any]) -> str:
    """Return "low" or "high" for a value at an edge of its space, otherwise an empty text."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return ""
    if isinstance(space, Range):
        place = math.log if space.log else float
        low, high = place(space.low), place(space.high)
        fraction = (place(value) - low) / (high - low)
        return "low" if fraction <= EDGE_SHARE else "high" if fraction >= 1 - EDGE_SHARE else ""
    numbers = [v for v in space if isinstance(v, int | float) and not isinstance(v, bool)]
    if len(numbers) < max(3, len(space)):
        return ""
    return "low" if value == min(numbers) else "high" if value == max(numbers) else ""
