"""SDMGrad against TorchJD and cvxpy."""

from __future__ import annotations

import cvxpy as cp
import pytest
import torch
from torchjd.aggregation import SDMGradWeighting

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_modo.sdmgrad import SDMGrad


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(SDMGrad(n_iterations=5), m)
    properties.assert_permutation_equivariant(SDMGrad(n_iterations=5), m)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_weights_are_those_of_torchjd(m: int) -> None:
    """Five training steps with products of two batches, which are not symmetric."""
    options = {"weights_rate": 3.0, "weights_momentum": 0.4, "n_iterations": 7, "strength": 0.5}
    balancer = properties.started(SDMGrad(**options), m, n_cases=1)  # type: ignore[arg-type]
    reference = SDMGradWeighting(lr=3.0, momentum=0.4, n_iter=7, lambda_=0.5)
    losses = torch.ones(1, m).double()
    for step in range(5):
        first, second = (gradient_families(m, n_cases=1, seed=seed)["random"] for seed in (step, step + 100))
        products = first @ (first + second).transpose(1, 2)
        expected = reference(products[0])
        torch.testing.assert_close(balancer(losses, losses, products)[0], expected, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_many_iterations_find_the_papers_program(strength: float) -> None:
    """min over the simplex of ‖Σ w_i g_i + λ g₀‖², with equal batches, by Clarabel."""
    for g in gradient_families(4, n_cases=2)["conflicting"]:
        w = cp.Variable(4)
        objective = cp.Minimize(cp.sum_squares(g.numpy().T @ (w + strength / 4)))
        cp.Problem(objective, [w >= 0, cp.sum(w) == 1]).solve(cp.CLARABEL)
        balancer = properties.started(SDMGrad(strength=strength, n_iterations=500, weights_rate=0.2), 4, n_cases=1)
        losses = torch.ones(1, 4).double()
        weights = balancer(losses, losses, inner_products(g[None]))[0]
        expected = (torch.from_numpy(w.value) + strength / 4) / (1 + strength)
        torch.testing.assert_close(weights, expected, atol=1e-4, rtol=0)
