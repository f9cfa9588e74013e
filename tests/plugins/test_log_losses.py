"""GLS and SI against TorchJD and autograd."""

from __future__ import annotations

import pytest
import torch
from torchjd.scalarization import GeometricMean as TheirGeometricMean

from mobench.interfaces import Balancer
from mobench.testing import properties
from mobench.testing.families import loss_families
from mobench_log_losses.geometric import GeometricMean, SumOfLogs


@pytest.mark.parametrize("m", [1, 2, 3, 5])
@pytest.mark.parametrize("balancer", [GeometricMean(), SumOfLogs()])
def test_properties(balancer: Balancer, m: int) -> None:
    properties.assert_well_behaved(balancer, m)
    properties.assert_permutation_equivariant(balancer, m)
    properties.assert_indifferent_to_units(balancer, m)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_weights_are_the_gradient_of_the_scalarised_loss(m: int) -> None:
    for name, losses in loss_families(m).items():
        leaf = losses.clone().requires_grad_()
        torch.stack([TheirGeometricMean()(row) for row in leaf]).sum().backward()
        torch.testing.assert_close(GeometricMean()(losses, losses, None), leaf.grad, msg=name)
        leaf = losses.clone().requires_grad_()
        leaf.log().sum().backward()
        torch.testing.assert_close(SumOfLogs()(losses, losses, None), leaf.grad, msg=name)


@pytest.mark.parametrize("balancer", [GeometricMean(), SumOfLogs()])
def test_losses_of_zero_and_below_have_finite_weights(balancer: Balancer) -> None:
    weights = balancer(torch.tensor([[0.0, -1.0, 1.0]]), torch.ones(1, 3), None)
    assert bool((torch.isfinite(weights) & (weights > 0)).all())
