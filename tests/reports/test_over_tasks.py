"""Comparison of solvers over tasks: verdicts of pairs, effects, times to targets, and the command."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mobench
from mobench.errors import OptionError
from mobench.records.reading import read_records
from mobench.reports.analysis.over_tasks import aggregates_of, compare_over_tasks
from mobench.reports.analysis.time_to_target import time_to_target, times_to_target

RESULTS = Path(__file__).parents[2] / "results"
Scores = dict[str, dict[str, dict[str, float]]]


def drawn(seed: int, solvers: str, n_tasks: int = 6, n_seeds: int = 4) -> Scores:
    random = np.random.default_rng(seed)
    return {
        solver: {
            f"task-{task}": {str(s): float(random.uniform(0.3, 0.6)) for s in range(n_seeds)} for task in range(n_tasks)
        }
        for solver in solvers
    }


@given(st.integers(0, 10_000), st.integers(0, 3), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_no_verdict_on_a_pair_depends_on_other_solvers(seed: int, n_others: int, n_lacking: int) -> None:
    """Other solvers, also some that lack tasks and seeds, change nothing but p after Holm's correction."""
    alone = drawn(seed, "ab")
    others = drawn(seed + 1, "cdef"[: n_others + 1], n_tasks=6 - n_lacking, n_seeds=4 - n_lacking // 2)
    (pair,) = compare_over_tasks(alone)
    together = [row for row in compare_over_tasks({**others, **alone}) if {row.better, row.worse} == {"a", "b"}]
    assert [{**vars(row), "p_holm": 0} for row in together] == [{**vars(pair), "p_holm": 0}]
    assert together[0].p_holm >= pair.p_holm == pair.p


def test_a_clear_difference_is_seen_in_every_test() -> None:
    """All 8 tasks differ by 0.1, and every seed: p is 2 / 2⁸, and with 10 seeds every task is clear after Holm."""
    scores: Scores = {
        solver: {f"t{t}": {str(s): 0.4 + shift + 0.001 * (s % 3) for s in range(10)} for t in range(8)}
        for solver, shift in (("low", 0.0), ("high", 0.1))
    }
    (pair,) = compare_over_tasks(scores)
    assert (pair.better, pair.worse, pair.n_tasks, pair.verdict) == ("high", "low", 8, "better")
    assert pair.difference == pytest.approx(0.1)
    assert pair.relative == pytest.approx(100 * 0.1 / 0.4009, rel=1e-6)
    assert pair.p == pytest.approx(2 / 2**8)
    assert (pair.n_ahead, pair.n_behind, pair.improvement) == (8, 0, 1.0)
    (wide,) = compare_over_tasks(scores, rope=0.2)
    assert wide.verdict == "equivalent"
    assert [row.solver for row in aggregates_of(scores)] == ["high", "low"]


def test_pairs_without_a_common_task_are_not_compared() -> None:
    scores: Scores = {"a": {"x": {"0": 0.1}}, "b": {"y": {"0": 0.2}}}
    assert compare_over_tasks(scores) == []
    scores["b"]["x"] = {"0": 0.3}
    (pair,) = compare_over_tasks(scores)
    assert (pair.better, pair.n_tasks, pair.verdict) == ("b", 1, "open")
    assert math.isnan(pair.interval[0])


def test_time_to_target_is_that_of_the_first_check_that_reaches_it() -> None:
    records = [r for r in read_records([RESULTS / "analytic"], print) if r.job.dataset.name == "zdt1"]
    record = next(r for r in records if r.trace and r.imported is None)
    volumes = [check.hypervolume or 0.0 for check in record.trace]
    times = [c.seconds if c.core_seconds is None else c.core_seconds for c in record.trace]
    target = sorted(volumes)[len(volumes) // 2]
    place = next(i for i, volume in enumerate(volumes) if volume >= target)
    assert time_to_target(record, target) == times[place]
    assert time_to_target(record, 1e9) == math.inf
    summary = times_to_target(records, {"zdt1": 0.0})
    assert all(times.n_reached == times.n_runs for times in summary.values())
    assert times_to_target(records, {"zdt2": 0.0}) == {}


def test_the_python_call_gives_the_pairs_and_the_solvers() -> None:
    table = mobench.compare(RESULTS / "text", solver=["ls", "phn-ls"], target={"essen": 0.0})
    (pair,) = table.to_dict("records")
    assert {pair["better"], pair["worse"]} == {"ls", "phn-ls"}
    assert pair["p_below"] + pair["p_equivalent"] + pair["p_above"] == pytest.approx(1)
    assert list(table.attrs["solvers"]["targets_reached"]) == [1.0, 1.0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rope": 1.5}, "pass a share of the box"), ({"solver": "lss"}, "no record is of solver 'lss'.*ls"),
        ({"target": {"esen": 1}}, "no record is of dataset 'esen'.*essen"),
        ({"target": {"essen": "high"}}, "pass a validation hypervolume"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_explained(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        mobench.compare(RESULTS / "text", **options)


def test_the_command_prints_solvers_and_pairs(cli: Any) -> None:
    out = cli("compare", str(RESULTS / "text"), "--solver", "ls,phn-ls", "--json").stdout
    titles = [line.get("title") for line in map(json.loads, out.splitlines())]
    assert titles[:2] == ["Solvers over tasks", "Pairs of solvers over tasks"]
