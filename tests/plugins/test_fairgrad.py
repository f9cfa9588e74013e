"""FairGrad against TorchJD, cvxpy and closed forms."""

from __future__ import annotations

import cvxpy as cp
import pytest
import torch
from torch import Tensor
from torchjd.aggregation import FairGradWeighting

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_fairgrad.fairgrad import FairGrad, fair_weights
from mobench_nash_mtl.nash import nash_weights

INDEPENDENT = ["random", "conflicting", "zero gradients", "one_huge gradients"]


def directions(alpha: Tensor, g: Tensor) -> Tensor:
    d = torch.einsum("km,kmn->kn", alpha, g)
    return d / d.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("m", [1, 2, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(FairGrad(), m)
    properties.assert_permutation_equivariant(FairGrad(), m, tolerance=1e-3)  # weights are up to 1e8
    properties.assert_descends(FairGrad(), m, families=INDEPENDENT)


@pytest.mark.parametrize("alpha", [0.3, 1.0, 2.0, 5.0, 10.0])
@pytest.mark.parametrize("m", [1, 3, 6])
def test_weights_meet_the_equation_of_the_paper(m: int, alpha: float) -> None:
    """(C w)_i = w_i^(−1/α), equation 4, on gradients of the caller's lengths."""
    for name in ("random", "conflicting"):
        gram = inner_products(3 * gradient_families(m)[name])
        w, _ = fair_weights(gram, alpha)
        assert float(w.min()) > 0
        product = (gram @ w[:, :, None])[:, :, 0] * w.pow(1 / alpha)
        torch.testing.assert_close(product, torch.ones_like(w), atol=1e-6, rtol=0)


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0])
def test_weights_are_those_of_torchjd(alpha: float) -> None:
    gram = inner_products(gradient_families(4)["conflicting"][:6])
    weights, _ = fair_weights(gram, alpha)
    for actual, matrix in zip(weights, gram, strict=True):
        expected = FairGradWeighting(alpha=alpha)(matrix)
        torch.testing.assert_close(actual, expected, atol=1e-4, rtol=1e-3)


def test_weights_minimise_the_convex_function() -> None:
    """½ wᵀCw − Σ 2 √w_i for α = 2, by Clarabel."""
    for g in gradient_families(4)["conflicting"][:3]:
        w = cp.Variable(4)
        cp.Problem(cp.Minimize(cp.sum_squares(g.numpy().T @ w) / 2 - 2 * cp.sum(cp.sqrt(w)))).solve(cp.CLARABEL)
        actual, _ = fair_weights(inner_products(g[None]), 2.0)
        torch.testing.assert_close(actual[0], torch.from_numpy(w.value), atol=1e-4, rtol=1e-4)


def test_proportional_fairness_is_the_bargaining_solution() -> None:
    for name in ("random", "conflicting"):
        g = gradient_families(5)[name]
        gram = inner_products(g)
        fair, nash = directions(fair_weights(gram, 1.0)[0], g), directions(nash_weights(gram)[0], g)
        torch.testing.assert_close(fair, nash, atol=1e-6, rtol=0)


@pytest.mark.parametrize("alpha", [0.5, 2.0, 8.0])
def test_orthogonal_and_equally_long_gradients_by_hand(alpha: float) -> None:
    """ℓ² w = w^(−1/α) for orthogonal gradients; (1 + c) ℓ² w = w^(−1/α) for two of equal length with cosine c."""
    lengths = torch.tensor([0.1, 1.0, 30.0], dtype=torch.float64)
    w, _ = fair_weights(torch.diag(lengths.square())[None], alpha)
    torch.testing.assert_close(w[0], lengths.pow(-2 * alpha / (1 + alpha)), rtol=1e-7, atol=0)
    pair = torch.tensor([[[4.0, -2.0], [-2.0, 4.0]]], dtype=torch.float64)
    w, _ = fair_weights(pair, alpha)
    torch.testing.assert_close(w[0], torch.full((2,), 2.0).double().pow(-alpha / (1 + alpha)), rtol=1e-7, atol=0)


def test_the_direction_is_m_times_the_papers_up_to_the_bound() -> None:
    g = gradient_families(3)["random"]
    gram = inner_products(g)
    free, bounded = (properties.started(FairGrad(max_norm=bound), 3) for bound in (0.0, 0.7))
    losses = torch.ones(20, 3).double()
    torch.testing.assert_close(free(losses, losses, gram), 3 * fair_weights(gram, 2.0)[0])
    lengths = torch.einsum("km,kmn->kn", bounded(losses, losses, gram), g).norm(dim=1)
    expected = torch.einsum("km,kmn->kn", free(losses, losses, gram), g).norm(dim=1).clamp(max=0.7)
    torch.testing.assert_close(lengths, expected)
    assert float(lengths.max()) == pytest.approx(0.7)
