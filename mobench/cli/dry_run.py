"""Output of `--dry-run`: the jobs of a run or a search, and the source of each of their options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mobench.api.dry_runs import HAS_RECORD, as_json, planned_jobs, searched_options
from mobench.cli.console import print_table
from mobench.output.printing import say

if TYPE_CHECKING:
    from mobench.jobs.plan import Combination, Plan
    from mobench.jobs.precedence import OptionSetting
    from mobench.jobs.suite import Suite


def show_plan(plan: Plan, folder: Path) -> None:
    """Print the jobs of a plan and the settings of its combinations. No file is written."""
    columns, rows = planned_jobs(plan, folder)
    n_present = sum(row[-1] == HAS_RECORD for row in rows)
    print_table(columns, rows, title=f"jobs of {plan.suite}")
    show_settings(plan.combinations)
    say(
        f"dry run: {len(plan.jobs)} jobs, {n_present} have a record in {folder}, "
        f"{len(plan.jobs) - n_present} to run; nothing was run"
    )


def show_search(plans: Sequence[tuple[Suite, Plan]]) -> None:
    """Print the search space of each combination, and the settings of its trials with the first values of the space."""
    columns, rows = searched_options(plans)
    print_table(columns, rows, title=f"search of {plans[0][0].name}")
    show_settings([combination for _, plan in plans for combination in plan.combinations])
    say(f"dry run: {len(plans)} searches; nothing was run")


def show_settings(combinations: Sequence[Combination]) -> None:
    """Print each option that is not at the default of its class: its value, its source, and what it overrides."""
    rows = [
        [combination.jobs[0].dataset.name, combination.jobs[0].model.name, combination.jobs[0].solver.name,
         setting.name, as_json(setting.value), setting.source, _overridden(setting)]
        for combination in combinations
        for setting in combination.settings
    ]  # fmt: skip
    columns = ["dataset", "model", "solver", "option", "value", "set by", "overrides"]
    print_table(columns, rows, title="settings; every other option has the default of its class")


def _overridden(setting: OptionSetting) -> str:
    return "; ".join(
        f"{as_json(weaker.value)} of {weaker.source}"
        if weaker.name == setting.name
        else f"{weaker.name} = {as_json(weaker.value)} of {weaker.source}"
        for weaker in setting.overrides
    )
