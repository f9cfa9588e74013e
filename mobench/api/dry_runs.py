"""Tables of `--dry-run`: the jobs of a plan, and the options of a search."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from mobench.jobs.plan import Plan
    from mobench.jobs.suite import Range, Suite

ColumnsAndRows: TypeAlias = tuple[list[str], list[list[str]]]
"""Names of columns, and rows of cells."""
HAS_RECORD = "has a record"


def planned_jobs(plan: Plan, folder: Path) -> ColumnsAndRows:
    """Return one row per job of a plan, and whether it has a record in the folder. No file is written."""
    from mobench.records.store import Store

    store = Store(folder)
    rows = [
        [job.id, job.dataset.name, job.model.name, job.solver.name, str(job.seeds.solver), _budget(job.budget),
         HAS_RECORD if store.path(job).exists() else "to run"]
        for job in plan.jobs
    ]  # fmt: skip
    return ["job", "dataset", "model", "solver", "seed", "budget", "state"], rows


def searched_options(plans: Sequence[tuple[Suite, Plan]]) -> ColumnsAndRows:
    """Return one row per combination and option that is searched."""
    rows = []
    for suite, plan in plans:
        (job, *_), search = plan.jobs, suite.search
        for name, values in search.space.items() if search else ():
            text = ", ".join(map(as_json, values)) if isinstance(values, list) else _range(values)
            rows.append([job.dataset.name, job.model.name, job.solver.name, name, text])
    return ["dataset", "model", "solver", "option", "values"], rows


def as_json(value: Any) -> str:
    """Return a value of an option as JSON text."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _budget(budget: Any) -> str:
    values = budget.model_dump(exclude_none=True)
    return ", ".join(f"{name} {value if isinstance(value, str) else f'{value:g}'}" for name, value in values.items())


def _range(values: Range) -> str:
    return f"{values.low} to {values.high}{', logarithmic' if values.log else ''}"
