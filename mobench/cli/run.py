"""`mobench run`: run the jobs of a suite, print its leaderboard and write its tables."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.console import warn_of_broken
from mobench.cli.dry_run import show_plan
from mobench.cli.exit_codes import ExitCode
from mobench.cli.output import complain, say, warn, wrote
from mobench.cli.result_lines import SummaryLine
from mobench.cli.suite_options import Device, takes_overrides
from mobench.cli.trade_off import tell_trade_off
from mobench.jobs.overrides import Overrides
from mobench.kernels.strategy import Strategy
from mobench.runs.run_options import RunOptions

if TYPE_CHECKING:
    from mobench.jobs.plan import Plan
    from mobench.runs.runner import Listen, Summary


@takes_overrides
def run(
    suite: Annotated[str, typer.Argument(help="A suite's name or its TOML file.")],
    overrides: Overrides,
    jobs: Annotated[int | None, typer.Option(min=1, help="Jobs at once; the cores are divided among them.")] = None,
    device: Device = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder of the records; default: results/<suite>.")] = None,
    retry: Annotated[bool, typer.Option("--retry/--no-retry", help="Run failed jobs again.")] = True,
    timeout: Annotated[float | None, typer.Option(min=0, help="Seconds after which a job is stopped.")] = None,
    memory: Annotated[str, typer.Option(help="Memory at which a job is stopped: 500MB, 2GiB.")] = "",
    executor: Annotated[str, typer.Option(help="Where jobs run: local, ray, slurm, or a module of yours.")] = "local",
    address: Annotated[str | None, typer.Option(help="Address of the cluster: host:port of Ray's head node.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Cores of each job, instead of its share.")] = None,
    gpus: Annotated[float | None, typer.Option(min=0, help="GPUs of each job on a cluster.")] = None,
    checkpoint: Annotated[
        float, typer.Option(min=0, help="Seconds between checkpoints.")
    ] = RunOptions.checkpoint_seconds,
    keep_weights: Annotated[bool, typer.Option("--keep-weights", help="Keep the trained networks.")] = False,
    strategy: Annotated[
        str,
        typer.Option(
            help="How to compute, instead of the fastest measured way: layout=…,stacking=…,threads=…; or default."
        ),
    ] = "",
    data_workers: Annotated[
        int, typer.Option(min=0, help="Processes of each job that read data which stay on disk.")
    ] = RunOptions.data_workers,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the jobs, and where each of their options comes from; run none.")
    ] = False,
) -> None:
    """Run the missing jobs of a suite, then print its leaderboard and write its tables."""
    from mobench.jobs import arguments
    from mobench.jobs.plan import plan
    from mobench.plugins import registry
    from mobench.runs.executors import Limits
    from mobench.runs.suite_run import folder_of, run_suite

    warn_of_broken(registry())
    limits = Limits(jobs, cpus, gpus, arguments.parse_bytes(memory), timeout, address=address)
    options = RunOptions(
        # devices of other machines cannot be checked here
        device=arguments.check_device(device, "--device") if executor == "local" and not dry_run else device,
        strategy=Strategy.parse(strategy) if strategy else None,
        keep_weights=keep_weights,
        checkpoint_seconds=arguments.quantity(checkpoint, "--checkpoint"),
        retry=retry,
        command=("mobench", *sys.argv[1:]),
        data_workers=arguments.count(data_workers, "--data-workers", arguments.MAX_DATA_WORKERS, smallest=0),
    )
    if dry_run:
        chosen = overrides.load(suite)
        planned = plan(chosen)
        for line in planned.declined:
            _warn_declined(line)
        show_plan(planned, folder_of(chosen, out))
        return
    try:
        finished = run_suite(
            suite,
            overrides,
            options,
            out=out,
            executor=executor,
            limits=limits,
            on_declined=_warn_declined,
            watch=_watch,
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
    from mobench.cli.live import watch
    from mobench.cli.tally import Tally

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
    from mobench.cli.formats import clock
    from mobench.cli.leaderboard import read_board
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
        f"next: `mobench leaderboard {quoted} --wide` shows more columns, `mobench show hypervolume` defines one,\n"
        f"  `mobench report {quoted}` makes a page, `mobench export {quoted} --format tex --standalone` a LaTeX table"
    )


def _failed_before(folder: Path, summary: Summary) -> list[str]:
    """Return the ids of jobs that were not run now and whose records have no result."""
    from mobench.records.store import Store

    store = Store(folder)
    records = [store.read(job) for job in summary.present]
    return [record.id for record in records if record is not None and record.status != "completed"]
