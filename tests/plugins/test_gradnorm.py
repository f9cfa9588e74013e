"""GradNorm against autograd and torch's Adam, and where its weights come to rest."""

from __future__ import annotations

from typing import Literal

import pytest
import torch
from torch import Tensor

from mobench.interfaces import BalancerContext, inner_products
from mobench.testing import properties
from mobench_gradnorm.gradnorm import GradNorm


def random(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def started(balancer: GradNorm, m: int, steps_per_epoch: int = 1) -> GradNorm:
    bounds = torch.full((m,), 2.0, dtype=torch.float64)
    balancer.start(BalancerContext(1, m, bounds, 0 * bounds, steps_per_epoch=steps_per_epoch))
    return balancer


def step(balancer: GradNorm, losses: Tensor, gradients: Tensor) -> Tensor:
    return balancer(losses[None], torch.ones_like(losses[None]), inner_products(gradients[None]))[0]


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(GradNorm(), m)
    properties.assert_permutation_equivariant(GradNorm(), m)


@pytest.mark.parametrize(("baseline", "n_baseline"), [("first-step", 1), ("first-epoch", 3)])
@pytest.mark.parametrize("m", [2, 3, 6])
def test_weights_follow_the_gradient_of_the_papers_loss(
    baseline: Literal["first-step", "first-epoch"], n_baseline: int, m: int
) -> None:
    """Equation 2 of the paper, through autograd and torch's Adam; the targets are constants."""
    balancer = started(GradNorm(asymmetry=0.7, rate=0.1, baseline=baseline), m, steps_per_epoch=3)
    logits = torch.zeros(m, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.1)
    every_loss = 0.2 + random(m, 12, m).abs()
    initial = every_loss[:n_baseline].mean(0)
    for t, losses in enumerate(every_loss):
        gradients = random(100 * m + t, m, 7)
        weights = m * torch.softmax(logits, 0)
        torch.testing.assert_close(step(balancer, losses, gradients), weights.detach())
        if t < n_baseline and baseline == "first-epoch":
            continue
        lengths = (weights[:, None] * gradients).norm(dim=1)
        rates = losses / initial
        targets = (lengths.mean() * (rates / rates.mean()) ** 0.7).detach()
        optimiser.zero_grad()
        (lengths - targets).abs().sum().backward()
        optimiser.step()


def test_without_asymmetry_all_weighted_gradients_become_equally_long() -> None:
    balancer = started(GradNorm(asymmetry=0.0, rate=0.02), 3)
    gradients = torch.diag(torch.tensor([0.5, 1.0, 4.0], dtype=torch.float64))
    for _ in range(400):
        weights = step(balancer, torch.ones(3).double(), gradients)
    lengths = weights * gradients.diagonal()
    torch.testing.assert_close(lengths / lengths.mean(), torch.ones(3).double(), atol=0.1, rtol=0)


def test_a_loss_that_falls_slowly_gains_weight() -> None:
    balancer = started(GradNorm(), 2)
    gradients = torch.eye(2, dtype=torch.float64)
    for losses in ([1.0, 1.0], [0.5, 0.9], [0.25, 0.8]):
        weights = step(balancer, torch.tensor(losses).double(), gradients)
    assert float(weights[1]) > 1 > float(weights[0])
