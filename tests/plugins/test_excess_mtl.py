"""ExcessMTL against TorchJD, over many steps."""

from __future__ import annotations

import pytest
import torch
from torchjd.aggregation import ExcessMTLWeighting

from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_excess_mtl.excess import ExcessMTL


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(ExcessMTL(), m)
    properties.assert_permutation_equivariant(ExcessMTL(), m)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_weights_are_m_times_those_of_torchjd(m: int) -> None:
    """TorchJD scales the weights to sum to 1, as the paper; the authors' code to m. The first step is unweighted."""
    balancer, reference = ExcessMTL(rate=0.7), ExcessMTLWeighting(robust_step_size=0.7)
    properties.started(balancer, m, n_cases=1)
    preferences = torch.ones(1, m)
    for step in range(10):
        g = gradient_families(m, n_cases=1, seed=step)["random"]
        direction = balancer.directions(preferences, preferences, g)
        weights = balancer.task_weights(None)
        assert weights is not None
        torch.testing.assert_close(direction, (weights[:, None] @ g)[:, 0])
        expected = m * reference(g[0])
        # TorchJD takes a step of the weights in the first call already, with the raw excess risks
        if step == 0:
            torch.testing.assert_close(weights, torch.ones(1, m).double())
            reference._weights = torch.full((m,), 1 / m, dtype=torch.float64)
        else:
            torch.testing.assert_close(weights[0], expected, atol=1e-6, rtol=1e-6)


def test_an_objective_with_constant_gradients_gains_weight_over_one_that_converges() -> None:
    balancer = ExcessMTL(rate=0.5)
    properties.started(balancer, 2, n_cases=1)
    for step in range(6):
        g = torch.diag(torch.tensor([1.0, 0.3**step]))[None].double()
        balancer.directions(torch.ones(1, 2), torch.ones(1, 2), g)
    weights = balancer.task_weights(None)
    assert weights is not None
    assert float(weights[0, 0]) > float(weights[0, 1])
