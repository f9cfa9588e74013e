from __future__ import annotations

import pytest
import torch

from mobench.testing import properties
from mobench_tchebycheff.tchebycheff import Tchebycheff

MS = [2, 3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(Tchebycheff(), m)
    properties.assert_permutation_equivariant(Tchebycheff(), m)
    properties.assert_indifferent_to_scale(Tchebycheff(), m)


@pytest.mark.parametrize("m", MS)
def test_weights_are_a_gradient_of_the_maximum(m: int) -> None:
    """Compare with autograd on losses with a unique maximum: 300 cases per size."""
    for case in properties.cases(m, n_cases=60, seed=m):
        losses = case.losses.clone().requires_grad_()
        (case.preferences * losses).amax(1).sum().backward()
        torch.testing.assert_close(case.weights(properties.started(Tchebycheff(), m)), losses.grad)


def test_equally_bad_objectives_share_alike() -> None:
    r = torch.tensor([[0.2, 0.4, 0.4]], dtype=torch.float64)
    alpha = properties.started(Tchebycheff(), 3, 1)(torch.tensor([[1.0, 1.0, 1.0]]).double(), r, None)
    torch.testing.assert_close(alpha, torch.tensor([[0.0, 0.2, 0.2]], dtype=torch.float64))
