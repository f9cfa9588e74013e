"""IMTL-L and IMTL against TorchJD, autograd and IMTL-G."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchjd.scalarization import IMTLL as TheirIMTLL

from mobench.interfaces import Balancer, inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_imtl_g.imtl import imtl_weights
from mobench_imtl_g.imtl_l import IMTL, IMTLL


def losses_of(step: int, m: int) -> Tensor:
    return 0.1 + 3 * torch.rand(1, m, generator=torch.Generator().manual_seed(step), dtype=torch.float64)


@pytest.mark.parametrize("m", [1, 2, 3, 5])
@pytest.mark.parametrize("balancer", [IMTLL(), IMTL()])
def test_properties(balancer: Balancer, m: int) -> None:
    properties.assert_well_behaved(balancer, m)
    properties.assert_permutation_equivariant(balancer, m)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_scales_are_those_of_torchjd(m: int) -> None:
    """The gradient of its scalarised loss with respect to the losses is exp(s); s takes steps of torch's Adam."""
    balancer, reference = properties.started(IMTLL(rate=0.1), m, n_cases=1), TheirIMTLL(m).double()
    optimiser = torch.optim.Adam(reference.parameters(), lr=0.1)
    for step in range(20):
        losses = losses_of(step, m)
        actual = balancer(losses, torch.ones_like(losses), None)
        leaf = losses[0].clone().requires_grad_()
        optimiser.zero_grad()
        reference(leaf).backward()
        optimiser.step()
        assert leaf.grad is not None
        torch.testing.assert_close(actual[0], leaf.grad, atol=1e-12, rtol=1e-10)


def test_scaled_losses_come_to_rest_at_one() -> None:
    balancer = properties.started(IMTLL(rate=0.05), 3, n_cases=1)
    losses = torch.tensor([[0.1, 1.0, 8.0]], dtype=torch.float64)
    for _ in range(600):
        scales = balancer(losses, losses, None)
    torch.testing.assert_close(scales * losses, torch.ones(1, 3).double(), atol=1e-2, rtol=0)


def test_imtl_is_imtl_g_of_the_scaled_gradients() -> None:
    balancer, scaler = (
        properties.started(IMTL(rate=0.1), 3, n_cases=1),
        properties.started(IMTLL(rate=0.1), 3, n_cases=1),
    )
    for step in range(5):
        losses, g = losses_of(step, 3), gradient_families(3, n_cases=1, seed=step)["conflicting"]
        weights = balancer(losses, losses, inner_products(g))
        scales = scaler(losses, losses, None)
        expected = scales * imtl_weights(inner_products(scales[:, :, None] * g))
        torch.testing.assert_close(weights, expected)
        task_weights = balancer.task_weights(weights)
        assert task_weights is not None
        torch.testing.assert_close(task_weights, scales)
        line = torch.cosine_similarity(weights @ g[0], imtl_weights(inner_products(g)) @ g[0]).abs()
        torch.testing.assert_close(line, torch.ones(1).double(), atol=1e-9, rtol=0)


@pytest.mark.parametrize("loss", [0.0, -1.0, 1e12])
def test_scales_stay_finite_whatever_a_loss_does(loss: float) -> None:
    balancer = properties.started(IMTLL(rate=1.0), 2, n_cases=1)
    for _ in range(100):
        scales = balancer(torch.tensor([[loss, 1.0]]), torch.ones(1, 2), None)
    assert bool((torch.isfinite(scales) & (scales > 0)).all())
