"""Run of a suite: resolve its names, plan its jobs and run those without a record. Used by every entry point."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mobench.jobs import plan as plans
from mobench.jobs import seasons
from mobench.jobs.overrides import Overrides
from mobench.jobs.plan import Plan
from mobench.jobs.suite import Suite
from mobench.records.store import Store
from mobench.runs import executors
from mobench.runs.executors import Limits
from mobench.runs.run_options import RunOptions

if TYPE_CHECKING:
    from mobench.runs.runner import Listen, Summary

OpenView: TypeAlias = "Callable[[Plan, int], AbstractContextManager[Listen]]"
"""Opens a view of a run, given its plan and the number of jobs at once, and gives a listener for its events."""


@dataclass(frozen=True)
class SuiteRun:
    """A run of a suite that has ended: the suite with its overrides, the folder of the records, and the summary."""

    suite: Suite
    folder: Path
    summary: Summary


def run_suite(
    name: str | Path,
    overrides: Overrides,
    options: RunOptions,
    *,
    out: str | Path | None,
    executor: str,
    limits: Limits,
    on_declined: Callable[[str], None],
    watch: OpenView,
) -> SuiteRun:
    """Run the jobs of a suite that have no record yet.

    name:     a registered suite or a TOML file.
    overrides: take precedence over the settings of the suite.
    options:  how jobs are run. Networks are kept if the options or the suite ask for it.
    out:      folder of the records. None: results/<suite>.
    executor: name of the executor (see `mobench.runs.executors.make`).
    limits:   of the executor and its jobs.
    on_declined: called with the reason for each combination that is declined, in planning or when its job starts.
    watch:    called once, when the plan is made and before the first job starts.

    Raises: MobenchError for invalid names, options and files; SuiteError if every job is declined, or if the suite is
        a frozen track of a season and its jobs have changed; as `runner.run`.
    """
    suite = overrides.load(name)
    # imports torch, which takes seconds: not before the suite is found
    from mobench.runs import runner

    folder = folder_of(suite, out)
    plan = plans.plan(suite)
    seasons.check_frozen(suite, plan.jobs)
    for line in plan.declined:
        on_declined(line)
    chosen_executor = executors.make(executor, limits)
    options = replace(options, keep_weights=options.keep_weights or suite.keep_weights)
    with watch(plan, chosen_executor.slots) as listen:
        summary = runner.run(plan, Store(folder), chosen_executor, options, listen=listen)
    for line in summary.declined[summary.n_declined_by_plan :]:
        on_declined(line)
    summary.check_any(suite.name)
    return SuiteRun(suite, folder, summary)


def folder_of(suite: Suite, out: str | Path | None) -> Path:
    """Return the folder of a suite's records: `out`, or by default results/<suite> or results/<season>/<track>."""
    if out is not None:
        return Path(out)
    if suite.season is not None and suite.season.labelled:
        return Path("results") / suite.season.name / suite.season.track
    return Path("results") / suite.name
