"""CR-MOGM against TorchJD's averaged weights of its own MGDA."""

from __future__ import annotations

import pytest
import torch
from torchjd.aggregation import CRMOGMWeighting, MGDAWeighting

from mobench.interfaces import inner_products
from mobench.numerics import min_norm
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_mgda.cr_mogm import CRMOGM


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(CRMOGM(), m)
    properties.assert_permutation_equivariant(CRMOGM(), m)
    properties.assert_indifferent_to_scale(CRMOGM(), m)


@pytest.mark.parametrize("m", [1, 2, 4])
def test_weights_are_those_of_torchjd(m: int) -> None:
    balancer = properties.started(CRMOGM(decay=0.7), m, n_cases=1)
    uniform = torch.full((m,), 1 / m, dtype=torch.float64)
    reference = CRMOGMWeighting(MGDAWeighting(epsilon=1e-9, max_iters=2000), alpha=0.7, initial_weights=uniform)
    losses = torch.ones(1, m).double()
    for step in range(5):
        gram = inner_products(gradient_families(m, n_cases=1, seed=step)["random"])
        torch.testing.assert_close(balancer(losses, losses, gram)[0], reference(gram[0]), atol=1e-4, rtol=0)


def test_without_an_average_it_is_mgda() -> None:
    gram = inner_products(gradient_families(3)["conflicting"])
    balancer = properties.started(CRMOGM(decay=0.0), 3)
    losses = torch.ones(20, 3).double()
    torch.testing.assert_close(balancer(losses, losses, gram), min_norm(gram))
