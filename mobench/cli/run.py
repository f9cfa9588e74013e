"""`mobench run`: run the jobs of a suite, print its leaderboard and write its tables."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from mobench.api import suite_runs
from mobench.cli.console import warn_of_broken
from mobench.cli.dry_run import show_plan
from mobench.cli.exit_codes import ExitCode
from mobench.cli.python_options import TEXT, Detail, OptionKind, option_name, options_of
from mobench.cli.trade_off import tell_trade_off
from mobench.output.printing import complain, say, warn, wrote
from mobench.output.result_lines import SummaryLine

if TYPE_CHECKING:
    from mobench.jobs.plan import Plan
    from mobench.runs.runner import Listen, Summary


@options_of(
    suite_runs.run,
    suite=Detail(kind=TEXT),
    settings=Detail(flag="--set"),
    jobs=Detail(more={"min": 1}),
    timeout=Detail(more={"min": 0}),
    cpus=Detail(more={"min": 1}),
    gpus=Detail(more={"min": 0}),
    checkpoint=Detail(more={"min": 0}),
    data_workers=Detail(more={"min": 0}),
    logger=Detail(kind=OptionKind(str, text=lambda default: "", help="Comma-separated {lower}")),
    logger_settings=Detail(flag="--logger-set"),
)
def run(suite: str, out: Path | None, **values: Any) -> None:
    """Run the missing jobs of a suite, then print its leaderboard and write its tables."""
    from mobench.jobs.plan import plan
    from mobench.plugins import registry
    from mobench.runs.suite_run import folder_of, run_suite

    warn_of_broken(registry())
    overrides = suite_runs.overrides_of(**{name: values.pop(name) for name in suite_runs.OVERRIDES})
    command = ("mobench", *sys.argv[1:])
    logger, logger_settings = values.pop("logger"), values.pop("logger_settings")
    request = suite_runs.requested(**values, command=command, label=option_name)
    if values["dry_run"]:
        chosen = overrides.load(suite)
        planned = plan(chosen)
        for line in planned.declined:
            _warn_declined(line)
        show_plan(planned, folder_of(chosen, out))
        return
    chosen_loggers = suite_runs.loggers_of(logger, logger_settings, option_name)
    try:
        finished = run_suite(
            suite,
            overrides,
            request.options,
            out=out,
            executor=values["executor"],
            limits=request.limits,
            on_declined=_warn_declined,
            watch=_watch,
            loggers=chosen_loggers,
            on_logger_failure=warn,
        )
    except KeyboardInterrupt:
        complain("interrupted; all written records are complete: run the same command again to resume")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    summary, folder = finished.summary, finished.folder
    _warn_of_weights(summary)
    _tell(summary, folder)
    if finished.suite.trade_off is not None:
        tell_trade_off(finished.suite.trade_off, folder)
    if summary.failed or summary.diverged or any(_failed_before(folder, summary)):
        raise typer.Exit(ExitCode.NO_RESULT)


def _warn_declined(line: str) -> None:
    warn(line, "declined")


@contextmanager
def _watch(plan: Plan, slots: int) -> Iterator[Listen]:
    from mobench.output.live import watch
    from mobench.output.tally import Tally

    with watch(Tally(plan.jobs, slots), f"run {plan.suite}") as listen:
        yield listen


def _warn_of_weights(summary: Summary) -> None:
    """Warn about trained networks that could not be kept."""
    for note, jobs in summary.without_weights.items():
        warn(
            f"the weights of {len(jobs)} jobs, {jobs[0].title} first, are {note}; their records are complete: if the "
            "weights are needed, make room and run with --keep-weights into another folder"
        )


def _tell(summary: Summary, folder: Path) -> None:
    """Print the leaderboard and the summary of a run, write the tables, and name the written files."""
    from mobench.cli.board import print_board
    from mobench.cli.leaderboard import read_board
    from mobench.output.formats import clock
    from mobench.reports.analysis.comparison import compare
    from mobench.reports.analysis.sentences import sentences
    from mobench.reports.tables import across_tasks
    from mobench.reports.tables.content import Wanted
    from mobench.reports.tables.table_files import export, texts, write_texts

    board = read_board(folder)
    print_board(board, comparisons=compare(board))
    for sentence in sentences(board):
        say(sentence)
    written = export(board, folder)
    if across_tasks.n_tasks(board) > 1:
        table = across_tasks.content(board, (), Wanted())
        written += write_texts(folder, texts(table, "tasks", ("md", "csv")))
    jobs = {name: len(getattr(summary, name)) for name in ("completed", "present", "diverged", "failed")}
    jobs["declined"] = len(summary.declined_jobs)
    n_jobs = sum(jobs.values())
    if jobs["present"] == n_jobs:
        text = f"nothing to do: {n_jobs} of {n_jobs} jobs have a record"
    else:
        declined = f"{jobs['declined']} declined, " if jobs["declined"] else ""
        text = (
            f"{jobs['completed']} jobs run, {jobs['present']} already present, {jobs['diverged']} diverged, "
            f"{jobs['failed']} failed, {declined}in {clock(summary.seconds)}"
        )
    say(text, SummaryLine(**jobs, seconds=summary.seconds))
    for path in (folder / "records", *written):
        wrote(path)
    quoted = shlex.quote(str(folder))
    say(
        f"next: `mobench report {quoted}` makes a page, `mobench leaderboard {quoted} --wide` shows more columns,\n"
        f"  `mobench show hypervolume` defines one, `mobench export {quoted} --format tex --standalone` a LaTeX table"
    )


def _failed_before(folder: Path, summary: Summary) -> list[str]:
    """Return the ids of jobs that were not run now and whose records have no result."""
    from mobench.records.store import Store

    store = Store(folder)
    records = [store.read(job) for job in summary.present]
    return [record.id for record in records if record is not None and record.status != "completed"]
