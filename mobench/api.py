"""Python API: run a suite and read a leaderboard."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.text import one_line

if TYPE_CHECKING:
    import pandas as pd

    from mobench.reports.analysis.leaderboard import Leaderboard


def run(
    suite: str | Path,
    *,
    dataset: str | Sequence[str] = (),
    model: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
    rays: Sequence[Sequence[float]] = (),
    epochs: float | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    jobs: int = 1,
    device: str = "cpu",
    out: str | Path | None = None,
) -> pd.DataFrame:
    """Run the jobs of a suite that have no record yet, write its tables, and return its leaderboard.

    suite: a registered name or a TOML file. All other arguments override the suite's settings, in the order of
        `mobench.jobs.precedence`.
    rays: preferences [R][m] on which finite sets are trained and all methods are evaluated; lists, an array or a
        tensor.
    out: folder of the records; by default results/<suite>.

    Declined combinations, and records that cannot be read or compared, are reported as a UserWarning.

    Raises: MobenchError for invalid names, options and files (the same that the command line rejects), and if every
        job is declined. A failed job raises no error; its row in the leaderboard says that it failed.
    """
    from mobench.jobs import arguments
    from mobench.jobs import plan as plans
    from mobench.jobs import suite as suites
    from mobench.records.store import Store
    from mobench.reports.tables.table_files import export
    from mobench.runs import runner
    from mobench.runs.executors.local import LocalExecutor

    chosen = suites.overridden(
        suites.load(suite),
        datasets=arguments.names(dataset, "dataset"),
        models=arguments.names(model, "model"),
        solvers=arguments.names(solver, "solver"),
        settings=settings,
        seeds=seeds,
        rays=rays,
        budget={"epochs": epochs, "steps": steps, "seconds": seconds},
    )
    n_jobs, device = arguments.count(jobs, "jobs"), arguments.check_device(device)
    store = Store(Path(out) if out is not None else Path("results") / chosen.name)
    plan = plans.plan(chosen)
    for line in plan.declined:
        _warn(f"declined: {line}")
    summary = runner.run(plan, store, LocalExecutor(n_jobs), device=device, keep_weights=chosen.keep_weights)
    for line in summary.declined[summary.n_declined_by_plan :]:
        _warn(f"declined: {line}")
    summary.check_any(chosen.name)
    board = _board([store.folder])
    export(board, store.folder)
    return board.table


def leaderboard(folder: str | Path) -> pd.DataFrame:
    """Return the leaderboard of the records in a folder.

    folder: a path, or the name of a suite with records in results/.

    Records that cannot be read or compared are reported as a UserWarning.

    Raises: StoreError if there are no records.
    """
    return _board([folder]).table


def _board(folders: Sequence[str | Path]) -> Leaderboard:
    from mobench.records.reading import read_outlines
    from mobench.reports.analysis.leaderboard import leaderboard as made

    board = made(read_outlines(folders, _warn))
    for line in board.left_out:
        _warn(f"left out: {one_line(line, 2000)}")
    return board


def _warn(message: str) -> None:
    warnings.warn(message, UserWarning, stacklevel=3)
