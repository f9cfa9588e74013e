"""`mobench tune`: search for the best options of solvers on the validation split."""

from __future__ import annotations

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.console import print_table
from mobench.cli.dry_run import show_search
from mobench.cli.exit_codes import ExitCode
from mobench.cli.live import watch
from mobench.cli.output import complain, events, is_quiet, warn, wrote
from mobench.cli.result_lines import TrialLine
from mobench.cli.suite_options import Device, takes_overrides
from mobench.cli.tally import Tally
from mobench.jobs.overrides import Overrides
from mobench.runs.run_options import RunOptions

if TYPE_CHECKING:
    from mobench.search.proposals import Trial


@takes_overrides
def tune(
    suite: Annotated[str, typer.Argument(help="A suite with a [search] table: its name or its TOML file.")],
    overrides: Overrides,
    trials: Annotated[
        int | None, typer.Option(min=1, help="Trials of each solver in total; default: the suite's, or the grid.")
    ] = None,
    jobs: Annotated[int, typer.Option(min=1, help="Trials at once; the cores are divided among them.")] = 1,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder of the study; default: results/<suite>.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what is searched, and where other options come from; run nothing.")
    ] = False,
) -> None:
    """Search the options of each solver of a suite for the best on validation. A stopped search is resumed."""
    from mobench.jobs import arguments
    from mobench.jobs.plan import not_searched
    from mobench.records.store import Store
    from mobench.runs.suite_run import folder_of
    from mobench.search import study
    from mobench.search import tables as report

    chosen = overrides.load(suite)
    for name in not_searched(chosen):
        warn(f"{name} is not searched: the command line sets it")
    arguments.count(jobs, "--jobs")
    if dry_run:
        show_search(study.first_plans(chosen))
        return
    folder = folder_of(chosen, out)
    tally = Tally([], jobs)
    try:
        with watch(tally, f"tune {chosen.name}", ends=False) as listen:
            outcomes = study.search(
                chosen,
                Store(folder),
                RunOptions(arguments.check_device(device, "--device"), command=("mobench", *sys.argv[1:])),
                slots=jobs,
                n_trials=trials,
                listen=listen,
                tell=_tell,
                expect=tally.expect,
                # called from another thread, which does not have the output mode of this command
                note=(lambda line: None) if is_quiet() else partial(print, file=sys.stderr, flush=True),
            )
    except KeyboardInterrupt:
        complain("interrupted; run the same command again to resume at this trial")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    title = f"{chosen.name}: validation {outcomes[0].metric}"
    print_table(report.columns(outcomes), report.cells(outcomes), title=title)
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
