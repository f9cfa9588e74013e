from __future__ import annotations

import pytest
import torch

from mobench.testing import properties
from mobench_smooth_tchebycheff.smooth import SmoothTchebycheff
from mobench_tchebycheff.tchebycheff import Tchebycheff

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(SmoothTchebycheff(), m)
    properties.assert_permutation_equivariant(SmoothTchebycheff(), m)
    properties.assert_indifferent_to_scale(SmoothTchebycheff(), m)


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("mu", [0.01, 0.1, 10.0])
def test_weights_are_the_gradient_of_the_soft_maximum_normalised(m: int, mu: float) -> None:
    for case in properties.cases(m, n_cases=30, seed=m):
        losses = case.losses.clone().requires_grad_()
        (mu * torch.logsumexp(case.preferences * losses / mu, 1)).sum().backward()
        assert losses.grad is not None
        expected = losses.grad / losses.grad.sum(1, keepdim=True)
        torch.testing.assert_close(case.weights(properties.started(SmoothTchebycheff(mu=mu), m)), expected)


@pytest.mark.parametrize("m", MS)
def test_the_limits_of_smoothness(m: int) -> None:
    for case in properties.cases(m, seed=m):
        if case.name != "random gradients":
            continue
        soft = case.weights(properties.started(SmoothTchebycheff(mu=1e9), m))
        torch.testing.assert_close(soft, case.preferences)
        hard = case.weights(properties.started(SmoothTchebycheff(mu=1e-6), m))
        worst = case.weights(properties.started(Tchebycheff(), m))
        torch.testing.assert_close(hard, worst / worst.sum(1, keepdim=True))
