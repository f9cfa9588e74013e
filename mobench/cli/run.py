"""`mobench run`: run the jobs of a suite, print its leaderboard and write its tables."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.console import warn_of_broken
from mobench.cli.dry_run import show_plan
from mobench.cli.output import complain, say, warn, wrote
from mobench.cli.overrides import (
    Datasets,
    Epochs,
    Models,
    Rays,
    Seconds,
    SeedList,
    Settings,
    Solvers,
    Steps,
    overridden,
)
from mobench.cli.trade_off import tell_trade_off

if TYPE_CHECKING:
    from mobench.jobs.plan import Plan
    from mobench.jobs.suite import Suite
    from mobench.runs.executors import Limits
    from mobench.runs.runner import Summary


def run(
    suite: Annotated[str, typer.Argument(help="A suite's name or its TOML file.")],
    dataset: Datasets = "",
    model: Models = "",
    solver: Solvers = "",
    set_: Settings = None,
    seeds: SeedList = "",
    rays: Rays = "",
    epochs: Epochs = None,
    steps: Steps = None,
    seconds: Seconds = None,
    jobs: Annotated[int | None, typer.Option(min=1, help="Jobs at once; the cores are divided among them.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ….")] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Folder of the records; default results/<suite>.")] = None,
    retry: Annotated[bool, typer.Option("--retry/--no-retry", help="Run failed jobs again.")] = True,
    timeout: Annotated[float | None, typer.Option(min=0, help="Seconds after which a job is ended.")] = None,
    memory: Annotated[str, typer.Option(help="Memory at which a job is ended: 500MB, 2GiB.")] = "",
    executor: Annotated[str, typer.Option(help="Where jobs run: local, ray, slurm, or a module of yours.")] = "local",
    address: Annotated[str | None, typer.Option(help="Of a cluster: host:port of Ray's head node.")] = None,
    cpus: Annotated[int | None, typer.Option(min=1, help="Cores of each job, instead of its share.")] = None,
    gpus: Annotated[float | None, typer.Option(min=0, help="GPUs of each job on a cluster.")] = None,
    checkpoint: Annotated[float, typer.Option(min=0, help="Seconds between checkpoints.")] = 30.0,
    keep_weights: Annotated[bool, typer.Option("--keep-weights", help="Keep the trained networks.")] = False,
    strategy: Annotated[
        str,
        typer.Option(
            help="How to compute, instead of the fastest measured way: layout=…,stacking=…,threads=…; or default."
        ),
    ] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the jobs, and where each of their options comes from; run none.")
    ] = False,
) -> None:
    """Run the missing jobs of a suite, then print its leaderboard and write its tables."""
    from mobench.jobs import arguments
    from mobench.plugins import registry
    from mobench.runs.executors import Limits

    warn_of_broken(registry())
    chosen = overridden(
        suite, dataset=dataset, model=model, solver=solver, settings=set_, seeds=seeds, rays=rays,
        epochs=epochs, steps=steps, seconds=seconds,
    )  # fmt: skip
    folder = out if out is not None else Path("results") / chosen.name
    limits = Limits(jobs, cpus, gpus, arguments.parse_bytes(memory), timeout, address=address)
    arguments.quantity(checkpoint, "--checkpoint")
    check_strategy(strategy)
    if dry_run:
        show_plan(_planned(chosen), folder)
        return
    try:
        summary = _run(chosen, folder, executor, limits, checkpoint, device, retry, keep_weights, strategy)
    except KeyboardInterrupt:
        complain("interrupted; all written records are complete: run the same command again to resume")
        raise typer.Exit(130) from None
    _tell_of_trouble(summary, chosen.name)
    _tell(summary, folder)
    if chosen.trade_off is not None:
        tell_trade_off(chosen.trade_off, folder)
    if summary.failed or summary.diverged or any(_failed_before(folder, summary)):
        raise typer.Exit(1)


def _run(
    suite: Suite,
    folder: Path,
    executor: str,
    limits: Limits,
    checkpoint: float,
    device: str,
    retry: bool,
    keep_weights: bool,
    strategy: str,
) -> Summary:
    from mobench.cli.live import watch
    from mobench.cli.tally import Tally
    from mobench.records.store import Store
    from mobench.runs import runner
    from mobench.runs.executors import make

    plan = _planned(suite)
    where = make(executor, limits)
    with watch(Tally(plan.jobs, where.slots), f"run {suite.name}") as listen:
        return runner.run(
            plan,
            Store(folder),
            where,
            # devices of other machines cannot be checked here
            device=check_device(device) if executor == "local" else device,
            retry=retry,
            keep_weights=keep_weights or suite.keep_weights,
            strategy=strategy,
            checkpoint_seconds=checkpoint,
            command=["mobench", *sys.argv[1:]],
            listen=listen,
        )


def _planned(suite: Suite) -> Plan:
    """Return the plan of a suite, and warn about declined combinations."""
    from mobench.jobs.plan import plan

    made = plan(suite)
    for line in made.declined:
        warn(line, "declined")
    return made


def _tell_of_trouble(summary: Summary, suite: str) -> None:
    """Warn about jobs that were declined when they started, and about missing weights.

    Raises: SuiteError if no job is left.
    """
    for line in summary.declined[summary.n_declined_by_plan :]:
        warn(line, "declined")
    summary.check_any(suite)
    for note, jobs in summary.without_weights.items():
        warn(
            f"the weights of {len(jobs)} jobs, {jobs[0].title} first, are {note}; their records are whole: where the "
            "weights are needed, make room and run with --keep-weights into another folder"
        )


def _tell(summary: Summary, folder: Path) -> None:
    """Print the leaderboard and the summary of a run, write the tables, and name the written files."""
    from mobench.cli.formats import clock
    from mobench.cli.leaderboard import print_board, read_board
    from mobench.reports.tables.table_files import export

    board = read_board(folder)
    print_board(board)
    written = export(board, folder)
    jobs = {name: len(getattr(summary, name)) for name in ("completed", "present", "diverged", "failed")}
    jobs["declined"] = len(summary.declined_jobs)
    n_jobs = sum(jobs.values())
    if jobs["present"] == n_jobs:
        text = f"nothing to do: {n_jobs} of {n_jobs} jobs have a record"
    else:
        declined = f"{jobs['declined']} declined, " if jobs["declined"] else ""
        text = (
            f"{jobs['completed']} jobs run, {jobs['present']} were there, {jobs['diverged']} diverged, "
            f"{jobs['failed']} failed, {declined}in {clock(summary.seconds)}"
        )
    say(text, "summary", **jobs, seconds=summary.seconds)
    for path in (folder / "records", *written):
        wrote(path)
    here = shlex.quote(str(folder))
    say(
        f"next: `mobench report {here}` makes a page of it, `mobench export {here} --format tex --standalone` a "
        "LaTeX table"
    )


def _failed_before(folder: Path, summary: Summary) -> list[str]:
    """Return the ids of jobs that were not run now and whose records have no result."""
    from mobench.records.store import Store

    store = Store(folder)
    records = [store.read(job) for job in summary.present]
    return [record.id for record in records if record is not None and record.status != "completed"]


def check_device(device: str) -> str:
    """Return the device. Raises: OptionError if torch has no such device here."""
    from mobench.jobs import arguments

    return arguments.check_device(device, "--device")


def check_strategy(text: str) -> str:
    """Return the text of a strategy. Raises: OptionError if it is not a valid strategy."""
    if text:
        from mobench.interfaces import Strategy

        Strategy.parse(text)
    return text
