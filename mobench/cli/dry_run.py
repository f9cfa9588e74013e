"""Output of `--dry-run`: the jobs of a run or a search, and the source of each of their options."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.cli.console import print_table
from mobench.cli.output import say

if TYPE_CHECKING:
    from mobench.jobs.plan import Combination, Plan
    from mobench.jobs.precedence import OptionSetting
    from mobench.jobs.suite import Range, Suite


def show_plan(plan: Plan, folder: Path) -> None:
    """Print the jobs of a plan and the settings of its combinations. No file is written."""
    from mobench.records.store import Store

    store = Store(folder)
    present = {job.id for job in plan.jobs if store.path(job).exists()}
    jobs = [
        [job.id, job.dataset.name, job.model.name, job.solver.name, str(job.seeds.solver), _budget(job.budget),
         "has a record" if job.id in present else "to run"]
        for job in plan.jobs
    ]  # fmt: skip
    print_table(["job", "dataset", "model", "solver", "seed", "budget", "state"], jobs, title=f"jobs of {plan.suite}")
    show_settings(plan.combinations)
    say(
        f"dry run: {len(plan.jobs)} jobs, {len(present)} have a record in {folder}, "
        f"{len(plan.jobs) - len(present)} to run; nothing was run"
    )


def show_search(plans: Sequence[tuple[Suite, Plan]]) -> None:
    """Print the search space of each combination, and the settings of its trials with the first values of the space."""
    rows = []
    for suite, plan in plans:
        (job, *_), search = plan.jobs, suite.search
        for name, values in search.space.items() if search else ():
            shown = ", ".join(map(_shown, values)) if isinstance(values, list) else _range(values)
            rows.append([job.dataset.name, job.model.name, job.solver.name, name, shown])
    print_table(["dataset", "model", "solver", "option", "values"], rows, title=f"search of {plans[0][0].name}")
    show_settings([combination for _, plan in plans for combination in plan.combinations])
    say(f"dry run: {len(plans)} searches; nothing was run")


def show_settings(combinations: Sequence[Combination]) -> None:
    """Print each option that is not at the default of its class: its value, its source, and what it overrides."""
    rows = [
        [combination.jobs[0].dataset.name, combination.jobs[0].model.name, combination.jobs[0].solver.name,
         setting.name, _shown(setting.value), setting.source, _overridden(setting)]
        for combination in combinations
        for setting in combination.settings
    ]  # fmt: skip
    columns = ["dataset", "model", "solver", "option", "value", "set by", "overrides"]
    print_table(columns, rows, title="settings; every other option has the default of its class")


def _overridden(setting: OptionSetting) -> str:
    return "; ".join(
        f"{_shown(weaker.value)} of {weaker.source}"
        if weaker.name == setting.name
        else f"{weaker.name} = {_shown(weaker.value)} of {weaker.source}"
        for weaker in setting.overrides
    )


def _budget(budget: Any) -> str:
    values = budget.model_dump(exclude_none=True)
    return ", ".join(f"{name} {value if isinstance(value, str) else f'{value:g}'}" for name, value in values.items())


def _range(values: Range) -> str:
    return f"{values.low} to {values.high}{', logarithmic' if values.log else ''}"


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
