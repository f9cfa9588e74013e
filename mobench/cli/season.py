"""`mobench season`: seasons, their tracks, and which of their jobs have a record."""

from __future__ import annotations

import inspect
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mobench.cli.app import App
from mobench.cli.console import print_table
from mobench.cli.exit_codes import ExitCode
from mobench.output.printing import events, say, wrote
from mobench.output.season_lines import SeasonLine, TrackStatusLine

if TYPE_CHECKING:
    from mobench.jobs.job import Job
    from mobench.jobs.suite import Suite
    from mobench.records.store import Store

app = App(help="List seasons and their tracks, run them, and show what is complete.", no_args_is_help=True)
SeasonName = Annotated[str, typer.Argument(help="A season, as `mobench season list` shows it.")]
TrackName = Annotated[str | None, typer.Option(help="A track of the season; default: all.")]


@app.command("list")
def list_() -> None:
    """List the seasons and their tracks."""
    from mobench.jobs import seasons, suite

    for season in seasons.seasons().values():
        for track, suite_name in season.tracks.items():
            loaded = suite.load(suite_name)
            is_frozen = seasons.read_frozen(suite_name) is not None
            state = "frozen" if is_frozen else "draft"
            say(
                f"{season.name:<12} {track:<12} {state:<7} suite {suite_name}: {loaded.summary}",
                SeasonLine(season.name, track, suite_name, is_frozen, loaded.summary),
            )


@app.command()
def show(name: SeasonName) -> None:
    """Show the tracks of a season: tasks, solvers, seeds, budgets, targets, and changes since they were frozen."""
    from mobench.jobs import plan as plans
    from mobench.jobs import seasons

    for track, suite in _tracks(name, None):
        plan = plans.plan(suite)
        assert suite.season is not None
        budgets = dict.fromkeys(f"{job.dataset.name}: {job.budget.text}" for job in plan.jobs)
        solvers = dict.fromkeys(job.solver.name for job in plan.jobs)
        print(f"{name}, track {track}: suite {suite.name}, {suite.summary}")
        print(f"  {len(plan.jobs)} jobs, {len(solvers)} solvers, seeds {', '.join(map(str, suite.seeds))}")
        print(f"  rays: {suite.n_rays}, of which finite sets train {suite.n_finite}")
        for budget in budgets:
            print(f"  {budget}")
        for dataset, target in suite.season.targets.items():
            print(f"  target of {dataset}: hypervolume {target:g}")
        if suite.search is not None:
            print(f"  search: {suite.search.model_dump_json(exclude_none=True)}")
        if seasons.read_frozen(suite.name) is None:
            print("  draft: its jobs may still change")
        for line in seasons.changes(suite, plan.jobs):
            print(f"  changed since it was frozen: {line}")


@app.command()
def status(
    name: SeasonName,
    track: TrackName = None,
    results: Annotated[Path, typer.Option(help="Folder that contains the records of seasons and suites.")] = Path(
        "results"
    ),
) -> None:
    """Show how many jobs of each task and solver have a record, and how many failed."""
    from mobench.jobs import plan as plans
    from mobench.records.store import Store
    from mobench.runs.suite_run import folder_of

    complete = True
    for track_name, suite in _tracks(name, track):
        folder = results / folder_of(suite, None).relative_to("results")
        store = Store(folder)
        rows, n_done, n_jobs = [], 0, 0
        for (dataset, solver), jobs in _by_task(plans.plan(suite).jobs).items():
            counts = _statuses(store, jobs)
            n_done, n_jobs = n_done + counts["completed"], n_jobs + len(jobs)
            line = TrackStatusLine(
                name, track_name, dataset, solver, len(jobs), counts["completed"], counts["diverged"],
                counts["failed"], counts["missing"],
            )  # fmt: skip
            if (stream := events()) is not None:
                stream.emit(line)
            if counts["completed"] < len(jobs):
                others = ", ".join(f"{counts[s]} {s}" for s in ("diverged", "failed", "missing") if counts[s])
                rows.append([dataset, solver, f"{counts['completed']} of {len(jobs)}", others])
        if rows:
            print_table(["dataset", "solver", "completed", "others"], rows, title=f"{name}, track {track_name}")
        say(f"{name}, track {track_name}: {n_done} of {n_jobs} jobs have a record in {folder}")
        complete &= n_done == n_jobs
    if not complete:
        raise typer.Exit(ExitCode.NO_RESULT)


@app.command("run")
def run_(
    name: SeasonName,
    track: TrackName = None,
    dataset: Annotated[str, typer.Option(help="Comma-separated datasets of the season; default: all.")] = "",
    solver: Annotated[str, typer.Option(help="Comma-separated solvers, of the season or others.")] = "",
    seeds: Annotated[str, typer.Option(help="Seeds instead of those of the season: 0,1,2.")] = "",
    jobs: Annotated[int | None, typer.Option(min=1, help="Jobs at once; the cores are divided among them.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ….")] = "cpu",
) -> None:
    """Run the missing jobs of the tracks of a season, as `mobench run` does for their suites."""
    from mobench.cli.run import run

    defaults = {option: parameter.default for option, parameter in inspect.signature(run).parameters.items()}
    selection = {"dataset": dataset, "solver": solver, "seeds": seeds, "jobs": jobs, "device": device}
    is_complete = True
    for _, suite in _tracks(name, track):
        try:
            run(**{**defaults, "suite": suite.name, **selection})
        except typer.Exit:
            is_complete = False
    if not is_complete:
        raise typer.Exit(ExitCode.NO_RESULT)


@app.command()
def freeze(suite: Annotated[str, typer.Argument(help="A registered suite with a table [season].")]) -> None:
    """Write the file that fixes the jobs, the search and the targets of a track."""
    from mobench.errors import SuiteError
    from mobench.files import write_whole
    from mobench.jobs import plan as plans
    from mobench.jobs import seasons
    from mobench.jobs import suite as suites

    loaded = suites.load(suite)
    if loaded.season is None:
        raise SuiteError(f"suite {suite!r} belongs to no season: add a table [season] with name and track")
    path = seasons.frozen_file(suite)
    if path.exists():
        raise SuiteError(f"suite {suite!r} is frozen already: start a new season, or delete {path.name} of a draft")
    lines = seasons.frozen_lines(loaded, plans.plan(loaded).jobs)
    write_whole(path, ("\n".join(lines) + "\n").encode())
    wrote(path)


def _tracks(name: str, track: str | None) -> list[tuple[str, Suite]]:
    """Return the tracks of a season with their suites. Raises: UnknownNameError."""
    from mobench.errors import unknown_name
    from mobench.jobs import seasons
    from mobench.jobs import suite as suites

    season = seasons.get(name)
    if track is not None and track not in season.tracks:
        raise unknown_name(f"track of {name}", track, season.tracks)
    return [(t, suites.load(suite_name)) for t, suite_name in season.tracks.items() if track in (None, t)]


def _by_task(jobs: list[Job]) -> dict[tuple[str, str], list[Job]]:
    """Return the jobs by dataset and solver."""
    by_task: dict[tuple[str, str], list[Job]] = {}
    for job in jobs:
        by_task.setdefault((job.dataset.name, job.solver.name), []).append(job)
    return by_task


def _statuses(store: Store, jobs: list[Job]) -> Counter[str]:
    """Return the number of jobs by the status of their record, or "missing"."""
    counts: Counter[str] = Counter()
    for job in jobs:
        record = store.read(job)
        counts["missing" if record is None else record.status] += 1
    return counts
