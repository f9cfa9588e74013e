"""Single-task networks against separate trainings in plain torch, and their rays."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from mobench.interfaces import Problem, Seeds, Setting
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import finite_rays
from mobench.runs.execution import execute
from mobench_linear.single_task import SingleTask
from mobench_mlp.mlp import Mlp
from mobench_regression.mulan import Enb


def separately(problem: Problem, objective: int, n_steps: int, **options: float) -> nn.Module:
    """The network of one objective, trained alone; its initial weights are those of its turn."""
    torch.manual_seed(0)
    net = [problem.build_target() for _ in range(objective + 1)][-1]
    optimiser = torch.optim.Adam(net.parameters(), **options)  # type: ignore[arg-type]
    for step in range(n_steps):
        batch = problem.prepare(problem.dataset.load("train").take(slice(20 * step, 20 * step + 20)))
        optimiser.zero_grad()
        problem.objectives[objective].loss(net(batch.inputs), batch).backward()
        optimiser.step()
        if step + 1 == n_steps // 2:
            optimiser.param_groups[0]["lr"] *= 0.1
    return net


def test_each_network_is_that_of_a_training_on_its_objective_alone() -> None:
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    solver = SingleTask(lr=0.02, milestones=(0.5,), gamma=0.1)
    torch.manual_seed(0)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 10, 8))
    for step in range(8):
        solver.step(problem.prepare(problem.dataset.load("train").take(slice(20 * step, 20 * step + 20))))
    inputs = problem.prepare(problem.dataset.load("val")).inputs
    for i, ray in enumerate(torch.eye(2, dtype=torch.float64)):
        outputs = solver.pareto_set.serve(ray)(inputs)
        expected = separately(problem, i, 8, lr=0.02)(inputs)
        for name, values in expected.items():
            torch.testing.assert_close(outputs[name], values)


@pytest.mark.parametrize(("dataset", "m"), [("zdt1", 2), ("dtlz2", 3)])
def test_a_record_has_the_unit_vectors_as_rays(dataset: str, m: int) -> None:
    record = execute(resolve.resolve(dataset, "point", "stl", {"solver.lr": 0.05}, Budget(steps=60)))
    assert record.status == "completed", record.failure
    assert record.fronts["test"].preferences == torch.eye(m).tolist()
    assert record.cost is not None
    assert record.cost.n_models == m
    losses = record.fronts["test"].losses
    assert [losses[i][i] for i in range(m)] == [
        pytest.approx(min(column), abs=0.05) for column in zip(*losses, strict=True)
    ]
    assert record.fronts == execute(record.job).fronts
