"""Single-task networks and networks at random rays against separate trainings in plain torch."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest
import torch
from torch import Tensor, nn

from mobench.interfaces import Problem, Seeds, Setting
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import finite_rays
from mobench.runs.execution import execute
from mobench_linear.random_rays import RandomRays
from mobench_linear.single_task import SingleTask
from mobench_linear.stack_solver import StackSolver
from mobench_mlp.mlp import Mlp
from mobench_regression.mulan import Enb


def separately(problem: Problem, index: int, weights: Tensor, n_steps: int, **options: float) -> nn.Module:
    """Network `index`, trained alone on a weighted sum of losses; its initial weights are those of its turn."""
    torch.manual_seed(0)
    net = [problem.build_target() for _ in range(index + 1)][-1]
    optimiser = torch.optim.Adam(net.parameters(), **options)  # type: ignore[arg-type]
    for step in range(n_steps):
        batch = problem.prepare(problem.dataset.load("train").take(slice(20 * step, 20 * step + 20)))
        optimiser.zero_grad()
        outputs = net(batch.inputs)
        losses = [w * o.loss(outputs, batch) for w, o in zip(weights, problem.objectives, strict=True) if w]
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step + 1 == n_steps // 2:
            optimiser.param_groups[0]["lr"] *= 0.1
    return net


@pytest.mark.parametrize(("cls", "n"), [(SingleTask, 2), (RandomRays, 3)])
def test_each_network_is_that_of_a_training_of_its_own(cls: type[StackSolver], n: int) -> None:
    """Those of single tasks see one objective each."""
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    solver = cls(lr=0.02, milestones=(0.5,), gamma=0.1)
    torch.manual_seed(0)
    solver.start(problem, Setting(finite_rays(2, 3), Seeds(), 10, 8))
    for step in range(8):
        solver.step(problem.prepare(problem.dataset.load("train").take(slice(20 * step, 20 * step + 20))))
    inputs = problem.prepare(problem.dataset.load("val")).inputs
    rays = solver.pareto_set.rays
    assert rays is not None
    assert len(rays) == n
    for i, ray in enumerate(rays):
        outputs = solver.pareto_set.serve(ray)(inputs)
        for name, values in separately(problem, i, ray, 8, lr=0.02)(inputs).items():
            torch.testing.assert_close(outputs[name], values)


def test_random_rays_are_uniform_on_the_simplex_and_follow_the_seed_of_the_preferences() -> None:
    """Uniform on the simplex of three objectives: mean 1/3 and variance 1/18."""

    def rays(seed: int, n: int) -> Tensor:
        problem = Problem(Enb(), Mlp(widths=(2,)))
        three = SimpleNamespace(n_objectives=3, dataset=problem.dataset)
        setting = Setting(torch.ones(n, 3) / 3, Seeds(preferences=seed), 1, 1)
        return RandomRays().initial_rays(cast(Problem, three), setting)

    many = rays(1, 20_000)
    torch.testing.assert_close(many.sum(1), torch.ones(20_000))
    torch.testing.assert_close(many.mean(0), torch.full((3,), 1 / 3), atol=0.01, rtol=0)
    torch.testing.assert_close(many.var(0), torch.full((3,), 1 / 18), atol=0.003, rtol=0)
    assert torch.equal(rays(1, 5), rays(1, 5))
    assert not torch.equal(rays(1, 5), rays(2, 5))


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
