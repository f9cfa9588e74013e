"""`mobench compare`: aggregates of solvers over tasks, and tests of every pair."""

from __future__ import annotations

import math
from typing import Any

from mobench.api import task_comparisons
from mobench.cli.console import print_table
from mobench.cli.python_options import Detail, options_of
from mobench.output.printing import events, say, warn

NOTE = (
    "iqm: interquartile mean of the hypervolumes divided by the box of their task. difference and relative %: the "
    "first solver against the second. P(higher): a run of the first against one of the second. +/−: tasks on which "
    "the first is ahead or behind by sign flips over seeds, after Holm over the tasks. p: Wilcoxon over tasks, exact; "
    "Holm: corrected for all pairs shown. P(better), P(equivalent), P(worse): Bayesian signed-rank test with a region "
    "of practical equivalence of {rope:g}; the verdict needs 0.95. Intervals are 95 %."
)


@options_of(
    task_comparisons.compare,
    folder=Detail(more={"metavar": "FOLDERS..."}),
    rope=Detail(more={"min": 0.0, "max": 1.0}),
)
def compare(rope: float, **values: Any) -> None:
    """Compare solvers over the tasks of records: aggregates with intervals, and tests of every pair."""
    result = task_comparisons.compared_over_tasks(**values, rope=rope, warn=warn)
    for line in result.left_out:
        warn(line, "left out")
    columns = ["solver", "tasks", "runs", "iqm", "same tasks", "similar tasks"]
    rows = [
        [row.solver, str(row.n_tasks), str(row.n_scores), _text(row.iqm), _range(row.seeds), _range(row.tasks)]
        for row in result.solvers
    ]
    if result.times:
        columns += ["targets reached", "s to target"]
        for row in rows:
            times = result.times.get(row[0])
            row += (
                ["–", "–"] if times is None else [f"{times.n_reached}/{times.n_runs}", _text(times.median_seconds, 1)]
            )
    print_table(columns, rows, title="Solvers over tasks")
    if result.pairs:
        print_table(
            ["better", "worse", "tasks", "difference", "similar tasks", "relative %", "P(higher)", "same tasks", "+/−",
             "p", "Holm", "P(better)", "P(equivalent)", "P(worse)", "verdict"],
            [
                [
                    pair.better, pair.worse, str(pair.n_tasks), _text(pair.difference, 4), _range(pair.interval, 4),
                    _text(pair.relative, 2), _text(pair.improvement, 2), _range(pair.improvement_interval, 2),
                    f"{pair.n_ahead}/{pair.n_behind}", _text(pair.p, 4), _text(pair.p_holm, 4),
                    _text(pair.practical.above, 3), _text(pair.practical.equivalent, 3),
                    _text(pair.practical.below, 3), pair.verdict,
                ]
                for pair in result.pairs
            ],
            title="Pairs of solvers over tasks",
        )  # fmt: skip
    if events() is None:
        say(NOTE.format(rope=rope))


def _text(value: float, decimals: int = 3) -> str:
    return f"{value:.{decimals}f}" if math.isfinite(value) else "–"


def _range(ends: tuple[float, float], decimals: int = 3) -> str:
    low, high = (_text(end, decimals) for end in ends)
    return "–" if "–" in (low, high) else f"{low}…{high}"
