from __future__ import annotations

import math

import cvxpy as cp
import pytest
import rational
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mobench.interfaces import inner_products
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_imtl_g.imtl import IMTLG, imtl_weights

MS = [1, 2, 3, 4, 5, 6, 7, 8]
ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=6, max_size=6), min_size=1, max_size=8)
"""Small integers: zero, equal, opposite and dependent gradients come up often."""


def integers(rows: list[list[int]]) -> Tensor:
    return torch.tensor([rows], dtype=torch.float64)


def units(g: Tensor) -> Tensor:
    return g / g.norm(dim=2, keepdim=True).clamp_min(1e-300)


def assert_impartial(g: Tensor, alpha: Tensor, name: str = "") -> None:
    """The same projection of d on every unit gradient, relative to the lengths that d is made of."""
    projections = torch.einsum("kmn,kn->km", units(g), torch.einsum("km,kmn->kn", alpha, g))
    size = (alpha.abs() * g.norm(dim=2)).sum(1, keepdim=True)
    assert float(((projections - projections.mean(1, keepdim=True)) / size).abs().max()) < 1e-7, name


def assert_sums_to_one(alpha: Tensor, name: str = "") -> None:
    scale = alpha.abs().sum(1).clamp_min(1)
    assert float(((alpha.sum(1) - 1) / scale).abs().max()) < 1e-9, name


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(IMTLG(), m)
    properties.assert_indifferent_to_scale(IMTLG(), m)


@pytest.mark.parametrize("m", MS)
def test_projections_on_unit_gradients_are_equal(m: int) -> None:
    """The paper's definition, on every family of independent gradients: 150 problems a size."""
    families = gradient_families(m, n_cases=30, seed=m)
    for name in ("random", "conflicting", "one_huge", "tiny", "large"):
        alpha = imtl_weights(inner_products(families[name]))
        assert_sums_to_one(alpha, name)
        assert_impartial(families[name], alpha, name)


@pytest.mark.parametrize("m", MS)
def test_weights_are_those_of_a_linear_system(m: int) -> None:
    """Σ α_i g_i · (u₁ − u_j) = 0 for all j > 1 and Σ α_i = 1 (equation 4), by a dense solver."""
    g = gradient_families(m, n_cases=60, seed=m)["random"]
    u = units(g)
    rows = torch.cat([torch.einsum("kjn,kin->kji", u[:, :1] - u[:, 1:], g), torch.ones(60, 1, m).double()], dim=1)
    target = torch.zeros(60, m, dtype=torch.float64)
    target[:, -1] = 1
    expected = torch.linalg.solve(rows, target)
    torch.testing.assert_close(imtl_weights(inner_products(g)), expected, atol=1e-8, rtol=1e-8)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("m", MS)
def test_degenerate_gradients(m: int, dtype: torch.dtype) -> None:
    """Weights sum to 1; equal gradients have equal weights, parallel ones by 1/length; d of opposite ones is 0."""
    weights = {name: imtl_weights(inner_products(g.to(dtype))) for name, g in gradient_families(m).items()}
    for name, alpha in weights.items():
        assert_sums_to_one(alpha, name)
    uniform = torch.full((20, m), 1 / m, dtype=torch.float64)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-9
    for name in ("equal", "all_zero"):
        torch.testing.assert_close(weights[name], uniform, atol=tolerance, rtol=0)
    inverse = 1 / torch.arange(1, m + 1, dtype=torch.float64)
    torch.testing.assert_close(
        weights["parallel"], (inverse / inverse.sum()).expand(20, m), atol=tolerance, rtol=tolerance
    )
    # one half to each of the two directions
    signs = (-1.0) ** torch.arange(m, dtype=torch.float64)
    expected = 0.5 / (signs[:, None] == signs).sum(1).double() if m > 1 else uniform
    torch.testing.assert_close(weights["opposite"], expected.expand(20, m), atol=tolerance, rtol=0)
    if m > 1:
        assert not bool(weights["zero"][:, 0].any())


@given(rows=ROWS)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_it_is_impartial_wherever_that_is_possible(rows: list[list[int]]) -> None:
    g = integers(rows)
    alpha = imtl_weights(inner_products(g))
    assert bool(torch.isfinite(alpha).all())
    assert_sums_to_one(alpha)
    u = units(g)
    differences = torch.einsum("kjn,kin->kji", u[:, :1] - u[:, 1:], g)
    system = torch.cat([differences, torch.ones(1, 1, len(rows)).double()], dim=1)[0]
    target = torch.zeros(len(rows), 1, dtype=torch.float64)
    target[-1] = 1
    residual = system @ torch.linalg.pinv(system, rcond=1e-9) @ target - target
    if float(residual.norm()) < 1e-9 and bool((g[0].norm(dim=1) > 0).all()):
        assert_impartial(g, alpha)


@given(rows=ROWS, seed=st.integers(0, 100))
@settings(deadline=None, max_examples=150, derandomize=True)
def test_order_does_not_matter(rows: list[list[int]], seed: int) -> None:
    g = integers(rows)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    torch.testing.assert_close(
        imtl_weights(inner_products(g[:, order])), imtl_weights(inner_products(g))[:, order], atol=1e-7, rtol=1e-6
    )


@pytest.mark.parametrize("m", MS)
def test_lengths_of_gradients_do_not_turn_the_direction(m: int) -> None:
    """Equal projections fix a line; lengths only decide where on it the weights sum to 1."""
    g = gradient_families(m, seed=m)["random"]
    factors = 10 ** torch.rand(20, m, 1, generator=torch.Generator().manual_seed(m), dtype=torch.float64)
    direction, scaled_direction = (
        torch.einsum("km,kmn->kn", imtl_weights(inner_products(h)), h) for h in (g, factors * g)
    )
    cosine = (direction * scaled_direction).sum(1).abs() / (direction.norm(dim=1) * scaled_direction.norm(dim=1))
    torch.testing.assert_close(cosine, torch.ones_like(cosine), atol=1e-9, rtol=0)


def test_two_objectives_by_hand() -> None:
    """g = (2, 0) and (0, 1): equal projections need 2 α₁ = α₂."""
    alpha = imtl_weights(torch.tensor([[[4.0, 0.0], [0.0, 1.0]]]))
    torch.testing.assert_close(alpha, torch.tensor([[1 / 3, 2 / 3]], dtype=torch.float64))


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-5, 1.0, 3.0, 3.14159, math.pi])
@pytest.mark.parametrize("ratio", [1.0, 3.0, 1e5, 1e-10])
def test_two_objectives_have_the_other_gradients_length_as_weight_at_any_angle(angle: float, ratio: float) -> None:
    g = torch.tensor([[[1.0, 0.0], [ratio * math.cos(angle), ratio * math.sin(angle)]]], dtype=torch.float64)
    expected = torch.tensor([[ratio, 1.0]], dtype=torch.float64) / (1 + ratio)
    torch.testing.assert_close(imtl_weights(inner_products(g)), expected, atol=0, rtol=1e-9)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1.0, 0.0], [-3.0, 1e-5]], [0.75, 0.25]),
        ([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [-1.0, -2.0, 0.0]], [1 / 3, 1 / 3, 1 / 3]),
    ],
)
def test_at_pareto_stationary_points_the_direction_is_zero(rows: list[list[float]], expected: list[float]) -> None:
    g = torch.tensor([rows], dtype=torch.float64)
    alpha = imtl_weights(inner_products(g))
    torch.testing.assert_close(alpha, torch.tensor([expected], dtype=torch.float64), atol=1e-10, rtol=0)
    torch.testing.assert_close(alpha @ g[0], torch.zeros(1, g.shape[2]).double(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("m", MS[2:])
def test_dependent_gradients_of_rank_m_less_one_have_direction_zero(m: int) -> None:
    """The weights are the null vector that sums to 1, convex or not."""
    g = torch.randn(200, m, 9, generator=torch.Generator().manual_seed(m), dtype=torch.float64)
    w = torch.rand(200, m - 1, generator=torch.Generator().manual_seed(m), dtype=torch.float64) + 0.1
    g[:, -1] = -torch.einsum("km,kmn->kn", w, g[:, :-1])
    expected = torch.cat([w, torch.ones(200, 1).double()], dim=1) / (1 + w.sum(1, keepdim=True))
    torch.testing.assert_close(imtl_weights(inner_products(g)), expected, atol=1e-9, rtol=1e-9)


PYTHAGOREAN = [
    ([[3, 4, 0], [12, 0, 5], [-8, 15, 0]], [5, 13, 17]),
    ([[3, 4, 0, 0], [0, 5, 12, 0], [8, 0, 0, -15], [-7, 24, 0, 0]], [5, 13, 17, 25]),
    ([[3, 4, 0], [-3, -4, 0], [0, 5, 12]], [5, 5, 13]),
    ([[3 * 10**12, 4 * 10**12, 0], [12, 0, 5], [-8, 15, 0]], [5 * 10**12, 13, 17]),
]
"""Gradients and their lengths, all integers."""


@pytest.mark.parametrize(("rows", "lengths"), PYTHAGOREAN)
def test_weights_are_those_of_exact_arithmetic(rows: list[list[int]], lengths: list[int]) -> None:
    expected = torch.tensor([[float(w) for w in rational.equal_projections(rows, lengths)]], dtype=torch.float64)
    torch.testing.assert_close(imtl_weights(inner_products(integers(rows))), expected, atol=1e-13, rtol=1e-9)


def test_without_a_solution_projections_are_as_equal_as_weights_that_sum_to_one_make_them() -> None:
    """The gradients are on a line that misses the origin: d stays on the line, and cvxpy finds its best point."""
    g = integers([[1, 0], [1, 1], [1, 2]])
    alpha = imtl_weights(inner_products(g))
    assert_sums_to_one(alpha)
    w = cp.Variable(3)
    projections = units(g)[0].numpy() @ g[0].numpy().T @ w
    problem = cp.Problem(cp.Minimize(cp.sum_squares(projections - cp.sum(projections) / 3)), [cp.sum(w) == 1])
    problem.solve(solver=cp.CLARABEL)
    torch.testing.assert_close(alpha @ g[0], torch.from_numpy(w.value)[None] @ g[0], atol=1e-5, rtol=0)
