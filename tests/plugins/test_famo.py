"""FAMO against TorchJD over many steps, and the losses after the step that the solver passes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torchjd.scalarization import FAMO as TheirFAMO

from mobench.interfaces import BalancerContext, Problem, Seeds, Setting
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.testing import properties
from mobench.testing.small import batch_of
from mobench_famo.famo import FAMO
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.mtl_cnn import MtlCnn


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(FAMO(), m)


@pytest.mark.parametrize("m", [2, 3, 8])
def test_weights_and_logits_are_those_of_torchjd(m: int) -> None:
    """The gradient of TorchJD's scalarised loss with respect to the losses is α."""
    random = torch.Generator().manual_seed(m)
    bounds = 0.1 * torch.rand(m, generator=random, dtype=torch.float64)
    famo, reference_famo = FAMO(rate=0.1, decay=0.01), TheirFAMO(m, bounds, lr=0.1, weight_decay=0.01).double()
    famo.start(BalancerContext(1, m, torch.full((m,), 2.0).double(), bounds))
    for _ in range(30):
        losses = 0.2 + torch.rand(m, generator=random, dtype=torch.float64)
        after = losses * (0.5 + 0.6 * torch.rand(m, generator=random, dtype=torch.float64)) + bounds
        alpha = famo(losses[None], torch.full((1, m), 1 / m), None)
        famo.after_step(losses[None], torch.full((1, m), 1 / m), after[None])
        leaf = losses.clone().requires_grad_()
        (expected,) = torch.autograd.grad(reference_famo(leaf), leaf)
        reference_famo.update(after)
        torch.testing.assert_close(alpha[0], expected, atol=1e-10, rtol=1e-8)
        torch.testing.assert_close(famo.logits.detach()[0], reference_famo._w.detach(), atol=1e-10, rtol=1e-8)


class Listens(FAMO):
    """Keeps what the solver passes."""

    def after_step(self, losses: Tensor, preferences: Tensor, losses_after: Tensor) -> None:
        self.received = losses, preferences, losses_after
        super().after_step(losses, preferences, losses_after)


def test_the_losses_after_the_step_are_those_of_the_same_batch_under_the_new_weights() -> None:
    torch.manual_seed(0)
    dataset = MultiMnist(source="embedded", pairs=40, test_pairs=5)
    problem = Problem(dataset, MtlCnn(filters=(2, 2, 2), width=4, dropout=0.0), dtype=torch.float64)
    balancer = Listens()
    solver = GradientSolver(Stack(), balancer, GradientOptions(lr=0.1, optimiser="sgd"))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 5))
    problem.train(True)
    batch = batch_of(problem, 0)
    losses = solver.step(batch)
    before, preferences, after = balancer.received
    network: Any = solver.network
    assert torch.equal(before, losses)
    with torch.no_grad():
        expected = problem.losses(network(batch.inputs, preferences), batch)
    assert torch.equal(after, expected)
    assert not torch.equal(before, after)
    assert not after.requires_grad


def test_a_loss_that_improves_slowly_gains_weight() -> None:
    balancer = FAMO()
    balancer.start(BalancerContext(1, 2, torch.full((2,), 2.0), torch.zeros(2)))
    losses, preferences = torch.ones(1, 2), torch.full((1, 2), 0.5)
    balancer(losses, preferences, None)
    balancer.after_step(losses, preferences, torch.tensor([[0.5, 0.99]]))
    alpha = balancer(losses, preferences, None)
    assert float(alpha[0, 1]) > float(alpha[0, 0])
