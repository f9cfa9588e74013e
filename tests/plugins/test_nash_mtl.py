from __future__ import annotations

import cvxpy as cp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mobench.interfaces import inner_products
from mobench.numerics.min_norm_point import min_norm
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_nash_mtl.nash import RIDGE, NashMTL, nash_weights

MS = [1, 2, 3, 4, 5, 6, 7, 8]
ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=8)
"""Small integers: zero, equal, opposite and dependent gradients come up often."""


def integers(rows: list[list[int]]) -> Tensor:
    return torch.tensor([rows], dtype=torch.float64)


def units(g: Tensor) -> Tensor:
    return g / g.norm(dim=2, keepdim=True).clamp_min(1e-300)


def mean_size(g: Tensor) -> Tensor:
    """Root mean square length [K, 1] of the gradients that do not vanish."""
    norms = g.norm(dim=2)
    return (norms.square().sum(1, keepdim=True) / (norms > 0).sum(1, keepdim=True).clamp_min(1)).sqrt()


def on_units(g: Tensor, alpha: Tensor) -> Tensor:
    """The paper's weights [K, m] of the unit gradients, from ours of the gradients."""
    return alpha * g.norm(dim=2) / mean_size(g).clamp_min(1e-300)


def direction(g: Tensor) -> Tensor:
    return torch.einsum("km,kmn->kn", nash_weights(inner_products(g))[0], g)


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(NashMTL(), m)
    properties.assert_permutation_equivariant(NashMTL(), m, tolerance=1e-5)
    properties.assert_indifferent_to_scale(NashMTL(), m, tolerance=1e-5)


@pytest.mark.parametrize("m", MS)
def test_weights_are_the_bargaining_solution(m: int) -> None:
    """β > 0 and β_i ((C + ridge) β)_i = 1 on cosines C, the optimality conditions: 240 problems a size."""
    for name, g in gradient_families(m, seed=m).items():
        alpha, residual = nash_weights(inner_products(g))
        assert float(residual.max()) < 1e-6, name
        is_nonzero = g.norm(dim=2) > 0
        beta = on_units(g, alpha)
        assert bool((beta[is_nonzero] > 0).all()), name
        assert not bool(beta[~is_nonzero].any()), name
        pulls = torch.einsum("kmn,kn->km", units(g), torch.einsum("km,kmn->kn", beta, units(g)))
        # 1e-6: β reaches 1e4 where gradients cancel, and β² times float64's rounding is 1e-8
        off = (beta * (pulls + RIDGE * beta) - 1).abs()
        assert float(torch.where(is_nonzero, off, 0.0).max()) < 1e-6, name


@pytest.mark.parametrize("m", MS[1:])
def test_it_is_the_minimiser_that_clarabel_finds(m: int) -> None:
    """½ βᵀCβ − Σ log β: as good on 40 problems a size (each clarabel run is an exponential cone program)."""
    root, b = cp.Parameter((m, 12)), cp.Variable(m)
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(root.T @ b) - cp.sum(cp.log(b))))
    for name in ("random", "parallel", "equal", "one_huge"):
        g = gradient_families(m, n_cases=10, seed=m)[name]
        beta = on_units(g, nash_weights(inner_products(g))[0])
        for k in range(10):
            root.value = units(g)[k].numpy()
            problem.solve(solver=cp.CLARABEL)
            d = root.value.T @ beta[k].numpy()
            assert float(0.5 * d @ d) - float(beta[k].log().sum()) <= problem.value + 1e-6, name


@pytest.mark.slow
@given(rows=ROWS)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_no_conflict_but_the_ridges(rows: list[list[int]]) -> None:
    """Away from Pareto stationary points no loss rises; at them by at most √(m · ridge) of a unit step's share."""
    g = integers(rows)
    u = units(g)[:, g[0].norm(dim=1) > 0]
    if u.shape[1] == 0:
        assert not bool(direction(g).any())
        return
    slopes = torch.einsum("kmn,kn->km", u, direction(g) / mean_size(g))
    assert float(slopes.min()) >= -((len(rows) * RIDGE) ** 0.5) - 1e-9
    if float(torch.einsum("km,kmn->kn", min_norm(inner_products(u)), u).norm()) > 0.01:
        assert float(slopes.min()) > 0


@pytest.mark.slow
@given(rows=ROWS, seed=st.integers(0, 100), factors=st.lists(st.floats(1e-4, 1e4), min_size=8, max_size=8))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_order_does_not_matter_and_scaling_a_gradient_scales_its_weight(
    rows: list[list[int]], seed: int, factors: list[float]
) -> None:
    """The bargaining is invariant to each task's own scale: weights on unit gradients stay as they are."""
    g = integers(rows)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    changed = (torch.tensor(factors[: len(rows)], dtype=torch.float64)[:, None] * g)[:, order]
    weights, changed_weights = (
        on_units(g, nash_weights(inner_products(g))[0]),
        on_units(changed, nash_weights(inner_products(changed))[0]),
    )
    torch.testing.assert_close(changed_weights, weights[:, order], atol=1e-9, rtol=1e-5)


@pytest.mark.parametrize("m", MS)
def test_gradients_in_single_precision(m: int) -> None:
    """The ridge grows with rounding: a solution exists, and d is no longer than the paper's √m."""
    for name, g in gradient_families(m, seed=m).items():
        alpha, residual = nash_weights(inner_products(g.float()))
        assert float(residual.max()) < 1e-6, name
        d = torch.einsum("km,kmn->kn", alpha, g)
        assert float((d.norm(dim=1) - m**0.5 * mean_size(g)[:, 0] * 1.01).max()) <= 0, name


@pytest.mark.parametrize("m", MS)
def test_orthonormal_gradients_have_weight_one(m: int) -> None:
    identity = torch.eye(m, dtype=torch.float64)[None]
    torch.testing.assert_close(nash_weights(identity)[0], torch.ones_like(identity[:, 0]), atol=1e-7, rtol=0)


def test_two_gradients_by_hand() -> None:
    """Unit gradients at an angle of cosine c: β² (1 + c) = 1."""
    for c in (-0.9, 0.0, 0.5):
        alpha, _ = nash_weights(torch.tensor([[[1.0, c], [c, 1.0]]], dtype=torch.float64))
        torch.testing.assert_close(alpha, torch.full_like(alpha, (1 + c) ** -0.5), atol=0, rtol=1e-6)


def test_the_residual_is_kept() -> None:
    balancer = properties.started(NashMTL(), 3)
    next(iter(properties.cases(3))).weights(balancer)
    assert isinstance(balancer, NashMTL)
    assert 0 < balancer.worst_residual < 1e-6
    other = NashMTL()
    other.load_state_dict(balancer.state_dict())
    assert other.worst_residual == balancer.worst_residual
