"""MOO-SVGD against autograd, its spread on a known front, and a record of points without preferences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from mobench.interfaces import PointSet, Problem, Seeds, Setting
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.metrics.evaluation import evaluate
from mobench.metrics.indicators import hypervolume
from mobench.numerics import min_norm
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.stack import Stack
from mobench_moo_svgd.moo_svgd import MOOSVGD, kernel_of


def functions(x: Tensor) -> Tensor:
    """Three losses [K, 3] of points [K, 4]."""
    return torch.stack([(x - 1).square().sum(1), (x + 0.5).square().sum(1), x.sin().sum(1) + 5], dim=1)


@pytest.mark.parametrize("descent", ["own", "kernel"])
@pytest.mark.parametrize("n_points", [1, 2, 5, 6])
def test_directions_are_those_of_a_differentiated_kernel(n_points: int, descent: Any) -> None:
    """The sum of the kernel over all pairs counts each slope twice; its bandwidth is a constant."""
    x = torch.randn(n_points, 4, generator=torch.Generator().manual_seed(n_points), dtype=torch.float64)
    x.requires_grad_()
    losses = functions(x)
    gradients = torch.stack(
        [torch.autograd.grad(column.sum(), x, retain_graph=True)[0] for column in losses.unbind(1)], dim=1
    )
    squares = (losses[:, None] - losses[None]).square().sum(2)
    h = float(torch.quantile(squares.detach().flatten(), 0.5)) / max(float(torch.tensor(n_points).log()), 1e-30)
    kernel = torch.exp(-squares / (2 * h)) if n_points > 1 else torch.ones_like(squares)
    slopes = torch.autograd.grad(kernel.sum(), x)[0] / 2 if n_points > 1 else torch.zeros_like(x)
    g = torch.einsum("km,kmn->kn", min_norm(gradients @ gradients.transpose(1, 2)), gradients)
    first = kernel.detach() @ g if descent == "kernel" else g
    directions = MOOSVGD(descent=descent, repulsion=0.7, bandwidth=2.0).directions(
        losses.detach(), torch.zeros(()), gradients
    )
    torch.testing.assert_close(directions, (first + 0.7 * slopes) / n_points)


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(MOOSVGD(), m)
    properties.assert_well_behaved(MOOSVGD(descent="kernel"), m)


def test_equal_losses_do_not_repel_each_other_without_limit() -> None:
    kernel, slopes = kernel_of(torch.ones(3, 2))
    assert torch.equal(kernel, torch.ones(3, 3, dtype=torch.float64))
    assert torch.equal(slopes, torch.zeros(3, 2, dtype=torch.float64))


def trained(repulsion: float) -> tuple[GradientSolver, Problem]:
    torch.manual_seed(0)
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    solver = GradientSolver(Stack(), MOOSVGD(repulsion=repulsion), GradientOptions(optimiser="sgd", lr=2.0))
    solver.start(problem, Setting(finite_rays(2, 10), Seeds(), 1, 600))
    batch = problem.prepare(problem.dataset.load("train"))
    for _ in range(600):
        solver.step(batch)
    return solver, problem


@pytest.mark.slow
def test_points_spread_along_the_front_of_vlmop2() -> None:
    """All coordinates of a Pareto optimal point are equal, and without repulsion the points stay together."""
    spreads, volumes = {}, {}
    for repulsion in (0.0, 0.03):
        solver, problem = trained(repulsion)
        front = evaluate(solver.pareto_set, problem, problem.dataset.load("test"), finite_rays(2))
        spreads[repulsion] = float(front.losses[:, 0].max() - front.losses[:, 0].min())
        volumes[repulsion] = hypervolume(front.losses, problem.protocol.reference)
    (x,) = [p.detach() for p in solver.network.parameters()]
    assert float((x - x.mean(1, keepdim=True)).abs().max()) < 1e-3
    assert spreads[0.03] > 0.9 > 0.3 > spreads[0.0]
    assert volumes[0.03] > 0.29 > 0.2 > volumes[0.0]


@pytest.mark.slow
def test_the_result_is_a_set_of_points_and_not_of_rays() -> None:
    solver, problem = trained(0.03)
    points = solver.pareto_set
    assert isinstance(points, PointSet)
    assert not hasattr(points, "rays")
    assert (points.n_points, points.n_stored_parameters) == (10, 10 * problem.n_target_parameters)
    inputs = problem.prepare(problem.dataset.load("test")).inputs
    front = evaluate(points, problem, problem.dataset.load("test"), finite_rays(2))
    for index in range(10):
        losses = problem.losses([points.predictor(index)(inputs)], problem.prepare(problem.dataset.load("test")))
        torch.testing.assert_close(torch.from_numpy(front.losses[index]), losses[0].detach())
