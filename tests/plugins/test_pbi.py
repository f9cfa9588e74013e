"""PBI against TorchJD, and the points of a concave front that it finds."""

from __future__ import annotations

import pytest
import torch
from torchjd.scalarization import PBI as TheirPBI

from mobench.interfaces import BalancerContext
from mobench.testing import properties
from mobench.testing.families import loss_families, preferences
from mobench_tchebycheff.pbi import PBI


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(PBI(), m)
    properties.assert_permutation_equivariant(PBI(), m)


@pytest.mark.parametrize("theta", [0.0, 1.0, 5.0])
@pytest.mark.parametrize("m", [2, 4])
def test_weights_are_the_gradient_of_the_scalarised_loss(m: int, theta: float) -> None:
    ideal = torch.full((m,), 0.02, dtype=torch.float64)
    balancer = PBI(theta=theta)
    balancer.start(BalancerContext(20, m, torch.full((m,), 2.0).double(), ideal))
    r = preferences(m)
    for name, losses in loss_families(m).items():
        if name == "one_tiny":
            continue  # TorchJD adds 1e-12 to d₂²
        leaf = losses.clone().requires_grad_()
        torch.stack([TheirPBI(theta, 1 / w, ideal)(row) for row, w in zip(leaf, r, strict=True)]).sum().backward()
        torch.testing.assert_close(balancer(losses, r, None), leaf.grad, atol=1e-6, rtol=1e-6)


def test_on_the_ray_there_is_no_penalty() -> None:
    balancer = properties.started(PBI(), 3, n_cases=1)
    r = torch.tensor([[0.2, 0.3, 0.5]], dtype=torch.float64)
    weights = balancer(0.7 / r, r, None)
    torch.testing.assert_close(weights, (1 / r) / (1 / r).norm(), atol=1e-6, rtol=0)


def test_it_finds_the_point_of_a_concave_front_on_the_ray() -> None:
    """f = (x, √(1 − x²)): descent ends where f is on the ray; a weighted sum would end at x = 0 or x = 1."""
    r = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    balancer = properties.started(PBI(), 2, n_cases=1)
    angle = torch.tensor([0.2], dtype=torch.float64)
    for step in range(500):
        losses, slopes = torch.stack([angle.cos(), angle.sin()], 1), torch.stack([-angle.sin(), angle.cos()], 1)
        angle = angle - 0.05 / (1 + step) ** 0.7 * (balancer(losses, r, None) * slopes).sum(1)
    torch.testing.assert_close(angle, torch.atan2(r[:, 0], r[:, 1]), atol=1e-2, rtol=0)
