"""`mobench.compare`: solvers over tasks, and tests of every pair."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mobench.api.calls import paths, warn
from mobench.errors import OptionError, UnknownNameError
from mobench.text import name_hint

if TYPE_CHECKING:
    import pandas as pd

    from mobench.records.outline import Outline
    from mobench.reports.analysis.over_tasks import SolverAggregate, TaskComparison
    from mobench.reports.analysis.time_to_target import TargetTimes


def compare(
    folder: str | Path | Sequence[str | Path],
    *,
    solver: str | Sequence[str] = (),
    rope: float = 0.01,
    target: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the comparison of every pair of solvers over the tasks of one or several folders.

    Scores are hypervolumes divided by the box between ideal and reference point of their task. See
    mobench/docs/concepts/comparison.md for the tests and intervals.

    Args:
        folder: Folders written by `mobench run`, or suites in results/.
        solver: Solvers to compare; default: all. Only p after Holm's correction depends on it.
        rope: Half width of the region of practical equivalence. It is a share of the box of a task.
        target: Validation hypervolume of a dataset whose time to reach is shown. A mapping from datasets; default:
            the targets of the season of the records.

    Returns:
        One row per pair, the largest difference first; the columns are the fields of `TaskComparison`, and `verdict`.
        `table.attrs` has "solvers", a table of the aggregates of each solver, and "left_out".

    Raises:
        StoreError: If there are no records.
        OptionError: For a solver or dataset that the records do not have, and a rope or target that is not a number.
    """
    import pandas as pd

    result = compared_over_tasks(folder, solver=solver, rope=rope, target=target, warn=warn)
    for line in result.left_out:
        warn(f"left out: {line}")
    pairs = [
        {k: v for k, v in vars(pair).items() if k != "practical"}
        | {f"p_{k}": v for k, v in vars(pair.practical).items()}
        | {"verdict": pair.verdict}
        for pair in result.pairs
    ]
    solvers = [vars(row) | _times(result.times.get(row.solver)) for row in result.solvers]
    table = pd.DataFrame(pairs)
    table.attrs = {"solvers": pd.DataFrame(solvers), "left_out": result.left_out}
    return table


@dataclass(frozen=True)
class ComparedOverTasks:
    """Aggregates of solvers over tasks, their comparisons, and times to targets (empty without targets)."""

    solvers: list[SolverAggregate]
    pairs: list[TaskComparison]
    times: dict[str, TargetTimes]
    left_out: list[str]


def compared_over_tasks(
    folder: str | Path | Sequence[str | Path],
    *,
    solver: str | Sequence[str],
    rope: float,
    target: Mapping[str, Any] | None,
    warn: Callable[[str], None],
) -> ComparedOverTasks:
    """Return the comparison of records; the arguments are those of `compare`.

    warn: called with a line for each record that cannot be read.

    Raises: StoreError, OptionError.
    """
    from mobench.jobs import arguments
    from mobench.records.reading import read_outlines, read_records
    from mobench.reports.analysis.leaderboard import leaderboard
    from mobench.reports.analysis.over_tasks import aggregates_of, compare_over_tasks, normalised_scores
    from mobench.reports.analysis.time_to_target import times_to_target

    if not 0 <= rope < 1:
        raise OptionError(f"rope {rope:g}: pass a share of the box of a task, at least 0 and below 1")
    folders = paths(folder)
    records = read_outlines(folders, warn)
    board = leaderboard(records)
    scores = normalised_scores(board)
    if not scores:
        raise OptionError(
            "no completed run belongs to a dataset whose protocol states an ideal point: scores cannot be normalised; "
            "use `mobench leaderboard --pairs` for each dataset"
        )
    chosen = arguments.names(solver, "solver") or tuple(scores)
    for name in chosen:
        if name not in scores:
            raise OptionError(f"no record is of solver {name!r}{name_hint(name, sorted(scores), 'there are:')}")
    targets = _targets(records, target)
    assert board.measured is not None
    ids = set(board.measured["id"])
    runs = [r for r in read_records(folders, warn) if r.id in ids] if targets else []
    return ComparedOverTasks(
        [row for row in aggregates_of(scores) if row.solver in chosen],
        compare_over_tasks(scores, chosen, rope),
        times_to_target(runs, targets),
        list(board.left_out),
    )


def _targets(records: Sequence[Outline], given: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the given targets, or those of the season of the records. Raises: OptionError."""
    from mobench.jobs import seasons, suite

    datasets = sorted({record.job.dataset.name for record in records})
    if not given:
        targets: dict[str, float] = {}
        for season_name in sorted({record.job.season for record in records if record.job.season is not None}):
            try:
                tracks = seasons.get(season_name).tracks
            except UnknownNameError:  # records of a season whose suites are not installed have no targets
                continue
            for suite_name in tracks.values():
                track = suite.load(suite_name).season
                targets |= {} if track is None else track.targets
        return targets
    for dataset, value in given.items():
        if dataset not in datasets:
            raise OptionError(f"no record is of dataset {dataset!r}{name_hint(dataset, datasets, 'there are:')}")
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise OptionError(f"target of {dataset} is {value!r}: pass a validation hypervolume, such as {dataset}=0.6")
    return {dataset: float(value) for dataset, value in given.items()}


def _times(times: TargetTimes | None) -> dict[str, Any]:
    if times is None:
        return {}
    return {"targets_reached": times.n_reached / times.n_runs, "seconds_to_target": times.median_seconds}
