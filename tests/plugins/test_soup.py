"""Rewarded soup: averages of weights, the two parts of the budget, and a problem where the average is exact."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Seeds, Setting
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import finite_rays
from mobench.runs.execution import execute
from mobench.testing.isolation import saved_and_read
from mobench_linear.single_task import SingleTask
from mobench_mlp.mlp import Mlp
from mobench_regression.mulan import Enb
from mobench_soup.soup import RewardedSoup


def started(solver: RewardedSoup | SingleTask, total_steps: int | None = 10) -> Problem:
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    torch.manual_seed(0)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 10, total_steps))
    return problem


def step(solver: RewardedSoup | SingleTask, problem: Problem, n: int) -> Tensor:
    return solver.step(problem.prepare(problem.dataset.load("train").take(slice(20 * n, 20 * n + 20))))


def weights(solver: RewardedSoup, *preferences: list[float]) -> dict[str, Tensor]:
    return solver.pareto_set.weights(torch.tensor(preferences, dtype=torch.float64))


def test_a_preference_is_served_by_the_average_of_the_weights() -> None:
    solver = RewardedSoup(lr=0.05)
    problem = started(solver)
    for n in range(10):
        step(solver, problem, n)
    for tensor in weights(solver, [1.0, 0.0], [0.0, 1.0], [0.3, 0.7]).values():
        torch.testing.assert_close(tensor[2], 0.3 * tensor[0] + 0.7 * tensor[1])
        assert not torch.equal(tensor[0], tensor[1])
    assert solver.pareto_set.n_stored_parameters == 2 * problem.n_target_parameters
    assert solver.pareto_set.rays is None


def test_one_network_is_trained_on_the_mean_and_copies_of_it_on_each_objective() -> None:
    """The second part equals a training of single tasks that starts at the network of the first part."""
    solver, single = RewardedSoup(lr=0.05, shared=0.6), SingleTask(lr=0.05)
    problem = started(solver)
    assert [len(step(solver, problem, n)) for n in range(6)] == [1] * 6
    shared = weights(solver, [0.2, 0.8])
    for name, tensor in weights(solver, [0.9, 0.1]).items():
        assert torch.equal(tensor, shared[name])
    started(single)
    with torch.no_grad():
        for stacked, tensor in zip(single.network.stacked, shared.values(), strict=True):
            stacked.copy_(tensor.expand_as(stacked))
    for n in range(6, 10):
        assert torch.equal(step(solver, problem, n), step(single, problem, n))


def test_without_a_shared_part_it_averages_single_tasks() -> None:
    solver, single = RewardedSoup(shared=0.0), SingleTask()
    problem = started(solver)
    started(single)
    for n in range(4):
        assert torch.equal(step(solver, problem, n), step(single, problem, n))


@pytest.mark.parametrize("n_before", [2, 5, 6])
def test_a_restored_state_continues_to_the_bit_in_both_parts(n_before: int) -> None:
    first, second = RewardedSoup(lr=0.05), RewardedSoup(lr=0.05)
    problem = started(first)
    started(second)
    for n in range(n_before):
        step(first, problem, n)
    second.load_state_dict(saved_and_read(first.state_dict()))
    for n in range(n_before, 9):
        assert torch.equal(step(first, problem, n), step(second, problem, n))


def test_averages_are_pareto_optimal_where_the_pareto_set_is_a_segment() -> None:
    """VLMOP2: the Pareto set is the segment between the optima of the objectives."""
    job = resolve.resolve("vlmop2", "point", "soup", {"solver.lr": 0.02}, Budget(steps=300))
    record = execute(job)
    assert record.status == "completed", record.failure
    values = record.indicators["test"]
    assert values["igd_plus"] is not None
    assert values["igd_plus"] < 0.02
    assert values["gd"] is not None
    assert values["gd"] < 0.01
    assert values["controllability"] == pytest.approx(1.0)


def test_a_budget_in_seconds_is_declined() -> None:
    with pytest.raises(IncompatibleError, match="the budget is in seconds: give epochs or steps"):
        started(RewardedSoup(), total_steps=None)
