"""STCH-MTL against TorchJD's smooth Tchebycheff scalarisation of log losses."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torchjd.scalarization import STCH

from mobench.interfaces import BalancerContext
from mobench.testing import properties
from mobench_smooth_tchebycheff.logarithmic import LogarithmicTchebycheff


def started(balancer: LogarithmicTchebycheff, m: int, steps_per_epoch: int) -> LogarithmicTchebycheff:
    bounds = torch.full((m,), 2.0, dtype=torch.float64)
    balancer.start(BalancerContext(1, m, bounds, 0 * bounds, steps_per_epoch=steps_per_epoch))
    return balancer


def drawn(m: int) -> Tensor:
    return 0.05 + torch.rand(12, m, generator=torch.Generator().manual_seed(m), dtype=torch.float64)


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(LogarithmicTchebycheff(), m)
    properties.assert_permutation_equivariant(LogarithmicTchebycheff(), m)
    properties.assert_indifferent_to_units(LogarithmicTchebycheff(), m, n_steps=3)


@pytest.mark.parametrize("mu", [0.05, 0.5, 1.0])
@pytest.mark.parametrize("m", [2, 5])
def test_weights_are_the_gradient_of_the_scalarised_log_losses(m: int, mu: float) -> None:
    """After one epoch of warm-up and one in which z is measured, of three steps each."""
    balancer = started(LogarithmicTchebycheff(mu=mu, warm_up=1), m, steps_per_epoch=3)
    every_loss = drawn(m)
    z = every_loss[3:6].mean(0)
    for step, losses in enumerate(every_loss):
        leaf = losses.clone().requires_grad_()
        logs = (leaf / z).log()
        scalarised = logs.sum() if step < 6 else m * STCH(mu, weights=torch.ones(m).double())(logs)
        scalarised.backward()
        assert leaf.grad is not None
        torch.testing.assert_close(balancer(losses[None], losses[None], None)[0], leaf.grad)


def test_a_large_mu_leaves_the_weights_of_the_logarithms_and_a_small_one_only_the_worst_ratio() -> None:
    losses = torch.tensor([[0.5, 2.0]], dtype=torch.float64)
    for mu, expected in ((1e6, [2.0, 0.5]), (1e-4, [0.0, 1.0])):
        balancer = started(LogarithmicTchebycheff(mu=mu), 2, steps_per_epoch=1)
        balancer(torch.ones(1, 2).double(), losses, None)
        weights = balancer(losses, losses, None)
        torch.testing.assert_close(weights, torch.tensor([expected], dtype=torch.float64), atol=1e-5, rtol=0)
