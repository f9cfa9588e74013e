"""MoCo by its definition; its steps are compared with LibMTL's in tests/oracles."""

from __future__ import annotations

import pytest
import torch

from mobench.interfaces import inner_products
from mobench.numerics import min_norm
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_moco.moco import MoCo


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(MoCo(), m)
    properties.assert_permutation_equivariant(MoCo(), m)


def test_the_averages_track_gradients_as_long_as_their_losses() -> None:
    """With β = 1 they are the gradients of the step; with a constant β they tend to constant gradients."""
    g = gradient_families(3)["random"]
    losses = 0.5 + torch.rand(20, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    expected = losses[:, :, None] * g / g.norm(dim=2, keepdim=True)
    for options, n_steps in ((MoCo(tracking_rate=1.0), 1), (MoCo(tracking_rate=0.5, tracking_power=0.0), 40)):
        properties.started(options, 3)
        for _ in range(n_steps):
            direction = options.directions(losses, losses, g)
        assert options.averages is not None
        torch.testing.assert_close(options.averages, expected, atol=1e-7, rtol=1e-7)
        torch.testing.assert_close(direction, (options.weights[:, None] @ options.averages)[:, 0])


def test_one_step_of_the_weights_is_a_softmax_of_the_gradient_step() -> None:
    g = gradient_families(3)["conflicting"]
    losses = torch.ones(20, 3).double()
    balancer = MoCo(tracking_rate=1.0, weights_rate=0.3, rho=0.2)
    properties.started(balancer, 3)
    balancer.directions(losses, losses, g)
    cosines = inner_products(g / g.norm(dim=2, keepdim=True))
    slope = (cosines + 0.2 * torch.eye(3).double()).mean(2)
    torch.testing.assert_close(balancer.weights, torch.softmax(1 / 3 - 0.3 * slope, dim=1), atol=1e-7, rtol=1e-7)


def test_weights_move_towards_the_min_norm_point() -> None:
    """With lengths 1 and 4 the min-norm weights prefer the first, and so does every step from equal weights."""
    g = torch.tensor([[[1.0, 0.0], [0.0, 4.0]]], dtype=torch.float64)
    losses = torch.tensor([[1.0, 4.0]], dtype=torch.float64)
    balancer = MoCo(tracking_rate=1.0)
    properties.started(balancer, 2, n_cases=1)
    balancer.directions(losses, losses, g)
    assert float(min_norm(inner_products(g))[0, 0]) > 0.5
    assert float(balancer.weights[0, 0]) > 0.5
