"""AASF, p-norm and InvAgg against pymoo, autograd, their limits, and their minimisers on known fronts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from pymoo.decomposition.aasf import AASF
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.runs.execution import execute
from mobench.testing import properties
from mobench.testing.families import loss_families, preferences
from mobench_linear.linear import Linear
from mobench_scalarisations.achievement import AugmentedAchievement
from mobench_scalarisations.inverted import InvertedProduct
from mobench_scalarisations.p_norm import PNorm
from mobench_tchebycheff.tchebycheff import Tchebycheff

BALANCERS: list[Callable[[], Balancer]] = [AugmentedAchievement, PNorm, InvertedProduct]
VALUES: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "aasf": lambda f, r, z: (r * f).amax(-1) + 0.01 * (r * f).sum(-1),
    "p-norm": lambda f, r, z: (r * f).square().sum(-1).sqrt(),
    "invagg": lambda f, r, z: 1 / ((z - f) ** r).prod(-1),
}
"""The scalarised losses [...] of losses f [..., m] and preferences r, for ideal point 0 and reference point z."""


@pytest.mark.parametrize("make", BALANCERS)
@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(make: Callable[[], Balancer], m: int) -> None:
    properties.assert_well_behaved(make(), m)
    properties.assert_permutation_equivariant(make(), m)


def started(balancer: Balancer, ideal: Tensor, reference: Tensor) -> Balancer:
    balancer.start(BalancerContext(20, len(ideal), reference, ideal))
    return balancer


@pytest.mark.parametrize("rho", [0.0, 0.1, 2.0])
@pytest.mark.parametrize("m", [2, 4])
def test_aasf_is_the_slope_of_pymoos(m: int, rho: float) -> None:
    """The function is piecewise linear: away from ties, central differences are exact but for rounding."""
    ideal = torch.full((m,), 0.02, dtype=torch.float64)
    r, losses = preferences(m), loss_families(m)["random"]
    weights = started(AugmentedAchievement(rho=rho), ideal, ideal + 2)(losses, r, None)
    pymoos = AASF(rho=rho, eps=0.0)
    for row in range(len(losses)):
        points = np.concatenate([losses[row].numpy() + sign * 1e-6 * np.eye(m) for sign in (1, -1)])
        values = pymoos.do(points, 1 / r[row].numpy(), utopian_point=ideal.numpy()).ravel()
        np.testing.assert_allclose(weights[row], (values[:m] - values[m:]) / 2e-6, atol=1e-8)


@pytest.mark.parametrize("p", [1.0, 1.5, 2.0, 8.0])
@pytest.mark.parametrize("m", [2, 4])
def test_p_norm_is_the_gradient_of_torchs(m: int, p: float) -> None:
    ideal = torch.full((m,), -0.02, dtype=torch.float64)
    balancer, r = started(PNorm(p=p), ideal, ideal + 2), preferences(m)
    for name, losses in loss_families(m).items():
        leaf = losses.clone().requires_grad_()
        torch.linalg.vector_norm(r * (leaf - ideal), ord=p, dim=1).sum().backward()
        torch.testing.assert_close(balancer(losses, r, None), leaf.grad, msg=name)


@pytest.mark.parametrize("m", [2, 4])
def test_invagg_is_the_gradient_of_its_logarithm(m: int) -> None:
    reference = torch.full((m,), 3.0, dtype=torch.float64)
    balancer, r = started(InvertedProduct(), reference - 4, reference), preferences(m)
    leaf = loss_families(m)["random"].requires_grad_()
    assert float(leaf.detach().max()) < 2.8
    values = 1 / ((reference - leaf) ** r).prod(1)
    values.sum().backward()
    assert leaf.grad is not None
    torch.testing.assert_close(balancer(leaf.detach(), r, None), leaf.grad / values.detach()[:, None])


def test_limits() -> None:
    """p = 1 is the weighted sum; a large p and ρ = 0 are the maximum; a large ρ has the direction of the sum."""
    for case in properties.cases(3):
        if case.name != "random gradients":
            continue
        weighted_sum, worst = (case.weights(properties.started(b, 3)) for b in (Linear(), Tchebycheff()))
        for balancer, expected in (
            (PNorm(p=1.0), weighted_sum),
            (PNorm(p=1e6), worst),
            (AugmentedAchievement(rho=0.0), worst),
        ):
            torch.testing.assert_close(case.weights(properties.started(balancer, 3)), expected)
        flat = case.weights(properties.started(AugmentedAchievement(rho=1e9), 3)) / 1e9
        torch.testing.assert_close(flat, weighted_sum, atol=1e-8, rtol=0)


def test_p_norm_at_and_below_the_ideal_point() -> None:
    """A loss that is below it is not raised, and does not count; powers of large losses do not overflow."""
    r = torch.full((1, 2), 0.5)
    balancer = started(PNorm(p=3.0), torch.zeros(2), torch.ones(2))
    assert balancer(torch.tensor([[0.0, -1.0]]), r, None).tolist() == [[0.0, 0.0]]
    assert balancer(torch.tensor([[0.7, -1.0]]), r, None).tolist() == [[0.5, 0.0]]
    torch.testing.assert_close(balancer(torch.full((1, 2), 3e38), r, None), r * 2 ** (-2 / 3))


def test_invagg_continues_above_the_reference_point() -> None:
    """Weights rise up to the margin, do not jump there, and are constant beyond it and above the reference point."""
    balancer = started(InvertedProduct(margin=0.1), torch.zeros(1).double(), torch.full((1,), 2.0).double())
    losses = torch.tensor([[0.0], [1.0], [1.8 - 1e-9], [1.8 + 1e-9], [2.0], [50.0]], dtype=torch.float64)
    weights = balancer(losses, torch.ones(6, 1).double(), None)
    torch.testing.assert_close(weights[:, 0], torch.tensor([0.5, 1.0, 5.0, 5.0, 5.0, 5.0], dtype=torch.float64))


def test_the_closed_form_of_the_p_norm_on_zdt2() -> None:
    """f = (x, 1 − x²): where r₁² < 2 r₂², the 2-norm is least at x² = 1 − r₁² / (2 r₂²)."""
    r = torch.tensor([[0.4, 0.6], [0.5, 0.5], [0.3, 0.7]], dtype=torch.float64)
    balancer = properties.started(PNorm(), 2, n_cases=3)
    x = torch.full((3,), 0.5, dtype=torch.float64)
    for _ in range(400):
        slopes = torch.stack([torch.ones_like(x), -2 * x], 1)
        x = x - 0.2 * (balancer(torch.stack([x, 1 - x**2], 1), r, None) * slopes).sum(1)
    torch.testing.assert_close(x**2, 1 - r[:, 0] ** 2 / (2 * r[:, 1] ** 2))


@pytest.mark.parametrize(
    ("dataset", "solver", "options"),
    [
        ("vlmop2", "aasf", {"balancer.rho": 0.01}),
        ("zdt2", "aasf", {"balancer.rho": 0.01}),
        ("vlmop2", "p-norm", {}),
        ("zdt2", "p-norm", {}),
        ("vlmop2", "invagg", {"balancer.margin": 0.01}),
        ("zdt1", "invagg", {}),
    ],
)
def test_solvers_reach_the_least_value_on_known_fronts(dataset: str, solver: str, options: dict[str, float]) -> None:
    """For every ray, the value is that of the best point of the front, to 4 % in a zigzag at the ends of the front."""
    training = {"solver.lr": 0.02, "solver.milestones": [0.6, 0.8], "solver.gamma": 0.3}
    job = resolve.resolve(dataset, "point", solver, {**training, **options}, Budget(steps=300))
    record = execute(job)
    assert record.status == "completed", record.failure
    problem = resolve.make_dataset(job.dataset)
    front = problem.known_front(20_000)
    assert front is not None
    z = torch.tensor(problem.protocol.reference, dtype=torch.float64)
    points = record.fronts["test"]
    r = torch.tensor(points.preferences, dtype=torch.float64)
    values = VALUES[solver](torch.tensor(points.losses, dtype=torch.float64), r, z)
    least = VALUES[solver](front[None], r[:, None], z).amin(1)
    torch.testing.assert_close(values, least, atol=0, rtol=0.04)
