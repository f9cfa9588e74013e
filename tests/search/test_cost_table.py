"""Cost of a search, options at an edge of their space, and random trials."""

from __future__ import annotations

import math
from typing import Any

import optuna
import pytest

from mobench.jobs.plan import apart
from mobench.jobs.suite import Search, Suite
from mobench.search import cost_table, proposals
from mobench.search.proposals import Trial
from mobench.search.study import StudyResult

RATE = {"low": 1e-4, "high": 1e-1, "log": True}


def suite(space: dict[str, Any]) -> Suite:
    return Suite.model_validate(
        {
            "name": "tuned",
            "seeds": [0, 1],
            "budget": {"steps": 20},
            "entries": [{"datasets": ["vlmop2"], "models": ["point"], "solvers": ["ls", "tche"]}],
            "search": {"sampler": "grid" if isinstance(next(iter(space.values())), list) else "random", "space": space},
        }
    )


def outcome(solver: str, settings: dict[str, Any], seconds: float = 2.0) -> StudyResult:
    trials = [Trial(0, settings, "complete", 0.5, 3.0, seconds, ("a", "b"))]
    trials.append(Trial(1, settings, "complete", 0.4, 3.0, 1.0, ("c", "d")))
    return StudyResult("vlmop2", "point", solver, "hypervolume", trials)


@pytest.mark.parametrize(
    ("space", "value", "edge"),
    [
        (RATE, 1.1e-4, "low"), (RATE, 3e-3, ""), (RATE, 0.09, "high"), ({"low": 0.0, "high": 1.0}, 0.1, ""),
        ([1e-3, 1e-2, 1e-1], 1e-3, "low"), ([1e-3, 1e-1, 1e-2], 1e-1, "high"), ([1e-3, 1e-2, 1e-1], 1e-2, ""),
        ([1, 2], 2, ""), (["a", "b", "c"], "a", ""), ([True, False, True], True, ""),
    ],
)  # fmt: skip
def test_best_options_at_an_edge_of_the_space_are_named(space: Any, value: Any, edge: str) -> None:
    alone, _ = apart(suite({"solver.lr": space}))
    expected = [f"solver.lr = {value:g} ({edge})"] if edge else []
    assert cost_table.edges(outcome("ls", {"solver.lr": value}), alone) == expected


def test_the_cost_counts_every_trial_and_sums_them() -> None:
    searched = suite({"solver.lr": RATE})
    outcomes = [outcome("ls", {"solver.lr": 1e-4}), outcome("tche", {"solver.lr": 1e-3}, 5.0)]
    rows = cost_table.rows(outcomes, searched)
    assert [row[2:6] for row in rows] == [["ls", "2", "4", "3"], ["tche", "2", "4", "6"], ["", "4", "8", "9"]]
    assert [row[6] for row in rows] == ["solver.lr = 0.0001 (low)", "–", "1 of 2"]
    assert cost_table.to_markdown(outcomes, searched).count("\n") == 5
    outcomes[0].trials[1] = Trial(1, {}, "complete", 0.4, 3.0)
    assert [row[5] for row in cost_table.rows(outcomes, searched)] == ["–", "6", "–"]


def test_random_trials_are_log_uniform_and_the_same_for_every_solver() -> None:
    """The mean of log10 of 40 rates is within four standard errors of the centre of the range."""
    search = Search(sampler="random", trials=40, space={"lr": RATE})  # type: ignore[dict-item]
    rates: list[list[float]] = []
    for _ in range(2):
        study = optuna.create_study(direction="maximize")
        drawn: list[float] = []
        for _ in range(40):
            trial = proposals.take(study, search, None, "token", lambda token: True)
            assert trial is not None
            drawn.append(trial.params["lr"])
            study.tell(trial, 0.0)
        rates.append(drawn)
    assert rates[0] == rates[1]
    logs = [math.log10(rate) for rate in rates[0]]
    assert -4 <= min(logs) < -3 < -2 < max(logs) <= -1
    assert abs(sum(logs) / len(logs) + 2.5) < 4 * 3 / math.sqrt(12 * len(logs))


def test_a_random_search_has_its_number_of_trials() -> None:
    search = Search(sampler="random", trials=2, space={"lr": RATE})  # type: ignore[dict-item]
    study = optuna.create_study(direction="maximize")
    for _ in range(2):
        trial = proposals.take(study, search, None, "token", lambda token: True)
        assert trial is not None
        study.tell(trial, 0.0)
    assert proposals.take(study, search, None, "token", lambda token: True) is None
    with pytest.raises(ValueError, match="a grid has no ranges"):
        Search(space={"lr": RATE})  # type: ignore[dict-item]
