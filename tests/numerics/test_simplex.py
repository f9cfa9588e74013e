"""Small convex programs against optimality conditions, clarabel and HiGHS."""

from __future__ import annotations

from typing import Any

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from torch import Tensor

from mobench.errors import NonFiniteError, ShapeError
from mobench.interfaces import inner_products
from mobench.numerics import simplex_programs
from mobench.numerics.min_norm_point import min_norm
from mobench.numerics.simplex_programs import nnls, simplex_lp
from mobench.testing.families import gradient_families

MS = [1, 2, 3, 4, 5, 6, 7, 8]


def assert_on_simplex(alpha: Tensor) -> None:
    assert bool((alpha >= 0).all())
    torch.testing.assert_close(alpha.sum(1), torch.ones_like(alpha[:, 0]), atol=1e-12, rtol=0)


def scaled(gram: Tensor) -> Tensor:
    """Scale the gradients so that the shortest has length 1 (the optimum cannot be longer)."""
    least = gram.diagonal(dim1=1, dim2=2).amin(1)
    return gram / torch.where(least > 0, least, 1.0)[:, None, None]


@pytest.mark.parametrize("m", MS)
def test_min_norm_meets_its_optimality_conditions(m: int) -> None:
    """α is optimal iff Cα ≥ αᵀCα in every entry, with equality where α > 0: 240 problems a size."""
    for name, gradients in gradient_families(m, n_cases=20, seed=m).items():
        gram = scaled(inner_products(gradients))
        alpha = min_norm(gram)
        assert_on_simplex(alpha)
        if name == "all_zero":
            torch.testing.assert_close(alpha, torch.full_like(alpha, 1 / m))
            continue
        # products with gradients rather than the Gram matrix: squares of 1e6 leave no digits
        g = gradients / gradients.norm(dim=2).amin(1).clamp_min(1e-300)[:, None, None]
        if name == "zero":
            assert bool((alpha[:, 0] == 1).all() if m > 1 else True)
            continue
        d = torch.einsum("km,kmn->kn", alpha, g)
        along = torch.einsum("kmn,kn->km", g, d) / g.norm(dim=2).clamp_min(1)
        squared = d.square().sum(1, keepdim=True)
        assert float((squared / g.norm(dim=2) - along).max()) < 1e-8, name
        assert float((alpha * (torch.einsum("kmn,kn->km", g, d) - squared)).abs().max()) < 1e-8, name


@pytest.mark.parametrize("m", [2, 3, 5, 8])
def test_min_norm_is_as_short_as_clarabels(m: int) -> None:
    alpha = cp.Variable(m, nonneg=True)
    root = cp.Parameter((12, m))
    problem = cp.Problem(cp.Minimize(cp.sum_squares(root @ alpha)), [cp.sum(alpha) == 1])
    for name, gradients in gradient_families(m, n_cases=6, seed=50 + m).items():
        if name in ("all_zero", "zero", "one_huge", "few_weights"):
            continue  # the test above has these; clarabel's own tolerance is absolute
        g = gradients / gradients.norm(dim=2).amin(1)[:, None, None]
        squared_norms = torch.einsum("km,kmn->kn", min_norm(inner_products(g)), g).square().sum(1)
        for k in range(len(g)):
            root.value = g[k].T.numpy()
            problem.solve(solver=cp.CLARABEL)
            assert float(squared_norms[k]) <= problem.value + 1e-6, name


def test_min_norm_of_twenty_gradients_with_masks() -> None:
    torch.manual_seed(0)
    gradients = torch.randn(40, 20, 6, dtype=torch.float64)
    active = torch.rand(40, 20) < 0.4
    active[:, 0] = True
    alpha = min_norm(inner_products(gradients), active)
    assert_on_simplex(alpha)
    assert not bool(alpha[~active].any())
    d = torch.einsum("km,kmn->kn", alpha, gradients)
    short = d.square().sum(1, keepdim=True) - torch.einsum("kmn,kn->km", gradients, d)
    assert float(short[active].max()) < 1e-9


@given(m=st.integers(2, 6), seed=st.integers(0, 10_000), scale=st.floats(1e-10, 1e10))
@settings(deadline=None, max_examples=60)
def test_min_norm_does_not_care_for_order_or_scale(m: int, seed: int, scale: float) -> None:
    torch.manual_seed(seed)
    gram = inner_products(torch.randn(5, m, 12, dtype=torch.float64))
    order = torch.randperm(m)
    alpha = min_norm(gram)
    torch.testing.assert_close(min_norm(gram[:, order][:, :, order]), alpha[:, order], atol=1e-9, rtol=0)
    torch.testing.assert_close(min_norm(scale * gram), alpha, atol=1e-9, rtol=0)


def test_min_norm_keeps_dtype() -> None:
    assert min_norm(torch.eye(3)[None]).dtype == torch.float32


@pytest.mark.parametrize("m", [2, 3, 5, 8])
def test_nnls_meets_its_optimality_conditions(m: int) -> None:
    """x ≥ 0, gradient Qx − c ≥ 0, and zero where x > 0."""
    torch.manual_seed(m)
    g = torch.randn(200, m, 12, dtype=torch.float64) * 10 ** torch.empty(200, m, 1).uniform_(-3, 3)
    q = inner_products(g)
    c = torch.einsum("kmn,kn->km", g, torch.randn(200, 12, dtype=torch.float64))
    x = nnls(q, c)
    size = g.norm(dim=2)
    slope = ((q @ x[:, :, None])[:, :, 0] - c) / size
    assert bool((x >= 0).all())
    assert float(slope.min()) > -1e-8
    assert float((slope * x * size).abs().max()) < 1e-7


@pytest.mark.slow
@pytest.mark.parametrize("m", [2, 3, 4, 5, 6, 11])
def test_linear_programs_are_as_good_as_highs(m: int) -> None:
    """250 a size, feasible and infeasible ones; the answer meets its rows and its value is the best."""
    torch.manual_seed(m)
    objective = torch.randn(250, m, dtype=torch.float64)
    rows = torch.randn(250, m, m, dtype=torch.float64)
    bounds = 0.3 * torch.randn(250, m, dtype=torch.float64)
    bounds[torch.rand(250, m) < 0.3] = -torch.inf
    alpha, feasible = simplex_lp(objective, rows, bounds)
    assert_on_simplex(alpha)
    assert 20 < int(feasible.sum()) < 250
    slack = torch.einsum("kpn,kn->kp", rows, alpha) - bounds
    assert float(slack[feasible].min()) > -1e-8
    for k in range(250):
        binding = torch.isfinite(bounds[k])
        highs_result = linprog(
            -objective[k].numpy(),
            A_ub=-rows[k][binding].numpy() if bool(binding.any()) else None,
            b_ub=-bounds[k][binding].numpy() if bool(binding.any()) else None,
            A_eq=np.ones((1, m)),
            b_eq=[1],
        )
        assert bool(feasible[k]) == (highs_result.status == 0)
        if feasible[k]:
            assert float(objective[k] @ alpha[k]) == pytest.approx(-highs_result.fun, abs=1e-8)


@given(
    n=st.integers(5, 9),
    integers=st.lists(st.integers(-2, 2), min_size=9 + 81 + 9, max_size=9 + 81 + 9),
    n_rows=st.integers(1, 9),
)
def test_degenerate_linear_programs_are_as_good_as_highs(n: int, integers: list[int], n_rows: int) -> None:
    """Small integers: many rows meet in a vertex, and many vertices are equally good."""
    values = torch.tensor(integers, dtype=torch.float64)
    objective, rows = values[:n], values[9 : 9 + n_rows * n].reshape(n_rows, n)
    bounds = values[90 : 90 + n_rows]
    alpha, feasible = simplex_lp(objective[None], rows[None], bounds[None])
    highs_result = linprog(-objective.numpy(), A_ub=-rows.numpy(), b_ub=-bounds.numpy(), A_eq=np.ones((1, n)), b_eq=[1])
    assert bool(feasible) == (highs_result.status == 0)
    assert_on_simplex(alpha)
    if feasible:
        assert float((rows @ alpha[0] - bounds).min()) > -1e-9
        assert float(objective @ alpha[0]) == pytest.approx(-highs_result.fun, abs=1e-9)


def test_programs_that_rounding_stops_are_solved_by_highs(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    program = torch.randn(3, 6), torch.randn(3, 6, 6), torch.full((3, 6), -0.3)
    alpha, feasible = simplex_lp(*program)

    def stopped(c: Any, rows: Any) -> Any:
        return np.zeros_like(c), np.zeros(len(c), bool), np.zeros(len(c), bool)

    monkeypatch.setattr(simplex_programs, "maximise_on_simplex", stopped)
    of_highs, feasible_by_highs = simplex_lp(*program)
    torch.testing.assert_close(of_highs, alpha, atol=1e-7, rtol=0)
    assert bool((feasible == feasible_by_highs).all())


def test_equally_good_vertices_are_averaged() -> None:
    alpha, _ = simplex_lp(torch.zeros(1, 3), torch.zeros(1, 1, 3), torch.full((1, 1), -torch.inf))
    torch.testing.assert_close(alpha, torch.full((1, 3), 1 / 3, dtype=torch.float64))


def test_what_is_no_gram_matrix_is_named() -> None:
    with pytest.raises(ShapeError, match=r"pass \[K, n, n\]"):
        min_norm(torch.zeros(2, 3))
    with pytest.raises(NonFiniteError, match="problem 1"):
        min_norm(torch.stack([torch.eye(2), torch.full((2, 2), torch.nan)]))
