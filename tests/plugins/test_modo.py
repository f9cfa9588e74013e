"""MoDo against TorchJD over many steps; the projection against a program; bias of one batch by hand."""

from __future__ import annotations

import cvxpy as cp
import pytest
import torch
from torchjd.aggregation import MoDoWeighting

from mobench.interfaces import BalancerContext
from mobench.testing import properties
from mobench_modo.modo import MoDo, simplex_projection


def started(balancer: MoDo, m: int) -> MoDo:
    balancer.start(BalancerContext(1, m, torch.full((m,), 2.0), torch.zeros(m)))
    return balancer


@pytest.mark.parametrize("m", [1, 2, 3, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(MoDo(), m)


@pytest.mark.parametrize("m", [2, 3, 8])
def test_weights_are_those_of_torchjd(m: int) -> None:
    random = torch.Generator().manual_seed(m)
    modo, reference_weighting = started(MoDo(rate=0.05, rho=0.2), m), MoDoWeighting(gamma=0.05, rho=0.2)
    for _ in range(30):
        first_gradients, second_gradients = torch.randn(2, m, 6, generator=random, dtype=torch.float64)
        alpha = modo(torch.ones(1, m).double(), torch.full((1, m), 1 / m), (first_gradients @ second_gradients.T)[None])
        torch.testing.assert_close(
            alpha[0], reference_weighting(first_gradients @ second_gradients.T), atol=1e-12, rtol=0
        )


@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_the_projection_is_the_nearest_point_of_the_simplex(m: int) -> None:
    points = torch.randn(20, m, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    projections = simplex_projection(points)
    nearest = cp.Variable(m)
    for point, projected in zip(points, projections, strict=True):
        cp.Problem(cp.Minimize(cp.sum_squares(nearest - point.numpy())), [nearest >= 0, cp.sum(nearest) == 1]).solve(
            solver=cp.CLARABEL
        )
        torch.testing.assert_close(projected, torch.from_numpy(nearest.value), atol=1e-5, rtol=0)
    torch.testing.assert_close(projections.sum(1), torch.ones(20, dtype=torch.float64))


@pytest.mark.slow
def test_noise_biases_the_weights_of_one_batch_and_not_of_two() -> None:
    """Gradients (1, 0) and (0, 1), the first with noise: the min-norm weights of the expected gradients are equal."""
    random = torch.Generator().manual_seed(0)
    expected = torch.eye(2, dtype=torch.float64)

    def noisy() -> torch.Tensor:
        noise = 2 * torch.randn(2, 2, generator=random, dtype=torch.float64)
        return expected + noise * torch.tensor([[1.0], [0.0]])

    def mean_weights(n_batches: int) -> torch.Tensor:
        balancer, total = started(MoDo(rate=0.01, rho=0.0), 2), torch.zeros(2, dtype=torch.float64)
        for step in range(4000):
            first_gradients = noisy()
            second_gradients = first_gradients if n_batches == 1 else noisy()
            weights = balancer(
                torch.ones(1, 2).double(), torch.full((1, 2), 0.5), (first_gradients @ second_gradients.T)[None]
            )[0]
            total += weights if step >= 1000 else 0
        return total / 3000

    torch.testing.assert_close(mean_weights(2), torch.tensor([0.5, 0.5]).double(), atol=0.05, rtol=0)
    assert float(mean_weights(1)[0]) < 0.2
