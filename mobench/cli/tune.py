"""`mobench tune`: search for the best options of solvers on the validation split."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mobench.api import searches, suite_runs
from mobench.cli.console import print_table
from mobench.cli.dry_run import show_search
from mobench.cli.exit_codes import ExitCode
from mobench.cli.python_options import TEXT, Detail, option_name, options_of
from mobench.output.live import watch
from mobench.output.printing import complain, events, is_quiet, warn, wrote
from mobench.output.result_lines import TrialLine
from mobench.output.tally import Tally

if TYPE_CHECKING:
    from mobench.search.proposals import Trial


@options_of(
    searches.tune,
    suite=Detail(kind=TEXT),
    settings=Detail(flag="--set"),
    trials=Detail(more={"min": 1}),
    jobs=Detail(more={"min": 1}),
)
def tune(
    suite: str, trials: int | None, jobs: int, device: str, out: Path | None, dry_run: bool, **overrides: Any
) -> None:
    """Search the options of each solver of a suite for the best on validation. A stopped search is resumed."""
    from mobench.jobs.plan import not_searched
    from mobench.runs.suite_run import folder_of
    from mobench.search import cost_table, study
    from mobench.search import tables as report

    chosen = suite_runs.overrides_of(**overrides).load(suite)
    for name in not_searched(chosen):
        warn(f"{name} is not searched: the command line sets it")
    if dry_run:
        show_search(study.first_plans(chosen))
        return
    folder = folder_of(chosen, out)
    tally = Tally([], jobs)
    try:
        with watch(tally, f"tune {chosen.name}", ends=False) as listen:
            outcomes = searches.searched(
                chosen,
                folder,
                jobs=jobs,
                trials=trials,
                device=device,
                listen=listen,
                expect=tally.expect,
                tell=_tell,
                # called from another thread, which does not have the output mode of this command
                note=(lambda line: None) if is_quiet() else partial(print, file=sys.stderr, flush=True),
                command=("mobench", *sys.argv[1:]),
                label=option_name,
            )
    except KeyboardInterrupt:
        complain("interrupted; run the same command again to resume at this trial")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    title = f"{chosen.name}: validation {outcomes[0].metric}"
    print_table(report.columns(outcomes), report.cells(outcomes), title=title)
    print_table(cost_table.COLUMNS, cost_table.rows(outcomes, chosen), title="cost of the search, on validation only")
    for path in report.export(outcomes, chosen, folder):
        wrote(path)
    without = [outcome for outcome in outcomes if outcome.best is None]
    for outcome in without:
        complain(f"no trial of {outcome.dataset} × {outcome.model} × {outcome.solver} gave a value")
    if without:
        raise typer.Exit(ExitCode.NO_RESULT)


def _tell(solver: str, trial: Trial) -> None:
    """Report the end of a trial, on standard error or as an event."""
    if (stream := events()) is not None:
        stream.emit(TrialLine(solver, trial.number, trial.state, trial.value, trial.settings))
    elif not is_quiet():
        print(_line(solver, trial), file=sys.stderr, flush=True)


def _line(solver: str, trial: Trial) -> str:
    value = "" if trial.value is None else f" {trial.value:.4f}"
    return f"{solver}: trial {trial.number} {trial.state}{value}: {json.dumps(trial.settings)}"
