"""The command line's two main verbs, from Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def run(
    suite: str,
    *,
    dataset: str | Sequence[str] = (),
    model: str | Sequence[str] = (),
    solver: str | Sequence[str] = (),
    settings: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
    rays: Sequence[Sequence[float]] = (),
    epochs: float | None = None,
    steps: int | None = None,
    jobs: int = 1,
    device: str = "cpu",
    out: str | Path | None = None,
) -> pd.DataFrame:
    """Run what a suite still lacks, write its tables, and return its leaderboard.

    suite: a registered name or a TOML file. Everything else replaces what the suite says.
    rays: preferences [R][m] to train finite sets on and to judge everybody at.
    out: folder of the records; by default results/<suite>.

    Raises: MobenchError for names, options, files that are wrong, and where every job is declined. A job that fails
        raises nothing: its row says so.
    """
    from mobench.reports.leaderboard import leaderboard as board_of
    from mobench.reports.tables import export
    from mobench.runs import plan as plans
    from mobench.runs import runner
    from mobench.runs import suite as suites
    from mobench.runs.executor import LocalExecutor
    from mobench.runs.store import Store

    chosen = suites.overridden(
        suites.load(suite),
        datasets=_listed(dataset),
        models=_listed(model),
        solvers=_listed(solver),
        settings=settings,
        seeds=seeds,
        rays=rays,
        budget={"epochs": epochs, "steps": steps},
    )
    store = Store(Path(out) if out is not None else Path("results") / chosen.name)
    plan = plans.plan(chosen)
    summary = runner.run(plan, store, LocalExecutor(jobs), device=device, keep_weights=chosen.keep_weights)
    summary.check_any(chosen.name)
    board = board_of(store.contents().records)
    export(board, store.folder)
    return board.table


def leaderboard(folder: str | Path) -> pd.DataFrame:
    """The leaderboard of the records in a folder."""
    from mobench.reports.leaderboard import leaderboard as board_of
    from mobench.runs.index import outlines
    from mobench.runs.store import Store

    return board_of(outlines(Store(folder)).records).table


def _listed(names: str | Sequence[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)
