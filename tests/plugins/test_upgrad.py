from __future__ import annotations

import cvxpy as cp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_upgrad.upgrad import UPGrad, projections, upgrad_weights

MS = [1, 2, 3, 4, 5, 6, 7, 8]
ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=8)
"""Small integers: zero, equal, opposite and dependent gradients come up often."""


def integers(rows: list[list[int]]) -> Tensor:
    return torch.tensor([rows], dtype=torch.float64)


def units(g: Tensor) -> Tensor:
    return g / g.norm(dim=2, keepdim=True).clamp_min(1e-300)


def direction(g: Tensor) -> Tensor:
    return torch.einsum("km,kmn->kn", upgrad_weights(inner_products(g)), g)


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(UPGrad(), m)
    properties.assert_permutation_equivariant(UPGrad(), m)
    properties.assert_indifferent_to_scale(UPGrad(), m)
    properties.assert_descends(UPGrad(), m)


@pytest.mark.parametrize("m", MS)
def test_projections_meet_their_optimality_conditions(m: int) -> None:
    """y = g_i + Gᵀx is the projection iff x ≥ 0, Gy ≥ 0 and x · Gy = 0: 240 problems a size, m projections each."""
    for name, g in gradient_families(m, seed=m).items():
        v = projections(inner_products(g))
        x = v - torch.eye(m, dtype=v.dtype)
        size = g.norm(dim=2)
        # each projection relative to the length of what was projected, each product to the other's
        along = torch.einsum("kin,kjn->kij", v @ g / size.clamp_min(1e-300)[:, :, None], units(g))
        assert float(x.min()) >= 0, name
        assert float(along.min()) > -1e-11, name
        share = x * size[:, None, :] / size.clamp_min(1e-300)[:, :, None]
        # the guard against rounding shows as 1e-14 x²; the largest x, of nearly dependent gradients, is 600
        assert float((share * along).sum(2).abs().max()) < 1e-8, name


@pytest.mark.parametrize("m", MS)
def test_projections_are_clarabels(m: int) -> None:
    """min vᵀCv with v ≥ e_i for each i: the projection is unique, so directions must agree."""
    root, start, v = cp.Parameter((m, 12)), cp.Parameter(m), cp.Variable(m)
    problem = cp.Problem(cp.Minimize(cp.sum_squares(root.T @ v)), [v >= start])
    for name in ("random", "conflicting", "zero", "parallel", "opposite", "equal", "rank_one"):
        g = gradient_families(m, n_cases=4, seed=m)[name]
        directions = direction(g)
        for k in range(4):
            root.value = g[k].numpy()
            expected = torch.zeros(12, dtype=torch.float64)
            for i in range(m):
                start.value = torch.eye(m)[i].numpy()
                problem.solve(solver=cp.CLARABEL)
                expected += g[k].T @ torch.from_numpy(v.value) / m
            torch.testing.assert_close(directions[k], expected, atol=2e-4, rtol=2e-4)


@given(rows=ROWS)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_it_conflicts_with_no_gradient(rows: list[list[int]]) -> None:
    g = integers(rows)
    assert float((g @ direction(g)[:, :, None]).min()) > -1e-10


@given(rows=ROWS, factors=st.lists(st.floats(1e-3, 1e3), min_size=8, max_size=8))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_it_is_linear_under_scaling(rows: list[list[int]], factors: list[float]) -> None:
    """The paper's third property: gradients scaled by s move the direction as Σ s_i P(g_i) / m."""
    g = integers(rows)
    s = torch.tensor(factors[: len(rows)], dtype=torch.float64)
    expected = (s[:, None] * (projections(inner_products(g)) @ g)[0]).mean(0)
    torch.testing.assert_close(direction(s[:, None] * g)[0], expected, atol=1e-8 * float(s.max()), rtol=0)


@given(rows=ROWS, seed=st.integers(0, 100))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_order_does_not_matter(rows: list[list[int]], seed: int) -> None:
    g = integers(rows)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(direction(g[:, order]), direction(g), atol=1e-9, rtol=0)


@pytest.mark.parametrize("m", MS)
def test_gradients_in_single_precision(m: int) -> None:
    """Rounding makes cosines of −1 − 1e-7; projections stay projections, and conflicts are of that size."""
    for name, g in gradient_families(m, seed=m).items():
        v = projections(inner_products(g.float()))
        along = torch.einsum("kin,kjn->kij", v @ g / g.norm(dim=2).clamp_min(1e-300)[:, :, None], units(g))
        assert float(along.min()) > (-1e-3 if name == "few_weights" else -1e-4), name
        assert float(torch.einsum("kij,kjn->kin", v, g).norm(dim=2).div(g.norm(dim=2) + 1e-300).max()) < 1.001, name


def test_two_opposite_pulls_by_hand() -> None:
    """g₁ = (1, 0), g₂ = (−1, 1): projections (½, ½) and (0, 1), so d = (¼, ¾)."""
    g = torch.tensor([[[1.0, 0.0], [-1.0, 1.0]]], dtype=torch.float64)
    torch.testing.assert_close(direction(g), torch.tensor([[0.25, 0.75]], dtype=torch.float64))


def test_without_conflict_it_is_the_mean() -> None:
    g = torch.rand(30, 5, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.equal(upgrad_weights(inner_products(g)), torch.full((30, 5), 1 / 5, dtype=torch.float64))
