from __future__ import annotations

import cvxpy as cp
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mobench.errors import OptionError
from mobench.interfaces import inner_products
from mobench.numerics.min_norm_point import min_norm
from mobench.options import build
from mobench.testing import properties
from mobench.testing.families import gradient_families
from mobench_cagrad.cagrad import CAGrad, cagrad_weights

MS = [1, 2, 3, 4, 5, 6, 7, 8]
ROWS = st.lists(st.lists(st.integers(-2, 2), min_size=4, max_size=4), min_size=1, max_size=8)
"""Small integers: zero, equal, opposite and dependent gradients come up often."""
RADII = st.floats(0.05, 0.95)


def integers(rows: list[list[int]]) -> Tensor:
    return torch.tensor([rows], dtype=torch.float64)


def direction(g: Tensor, radius: float) -> Tensor:
    return torch.einsum("km,kmn->kn", cagrad_weights(inner_products(g), radius), g)


def worst_improvement(g: Tensor, d: Tensor) -> Tensor:
    return torch.einsum("kmn,kn->km", g, d).amin(1)


def assert_optimal(g: Tensor, alpha: Tensor, radius: float, name: str = "") -> None:
    """A certificate for each problem: d is inside the ball, and the dual's value at g_w is what d achieves.

    Any w on the simplex bounds every min_i g_i · d in the ball by g_w · g₀ + c‖g₀‖‖g_w‖. The length
    of g_w is held at 1e-5 of the longest gradient's; there the two may differ by c‖g₀‖ 1e-5.
    """
    longest = g.norm(dim=2).amax(1).clamp_min(1e-300)
    g = g / longest[:, None, None]
    mean, d = g.mean(1), torch.einsum("km,kmn->kn", alpha, g)
    reach = radius * mean.norm(dim=1)
    assert float(((d - mean).norm(dim=1) - reach).max()) < 1e-10, name
    extra = alpha - 1 / g.shape[1]
    total = extra.sum(1, keepdim=True)
    w = torch.where(total > 1e-12, extra / total.clamp_min(1e-12), 1 / g.shape[1])
    assert float(w.min()) > -1e-9, name
    g_w = torch.einsum("km,kmn->kn", w, g)
    bound = (g_w * mean).sum(1) + reach * g_w.norm(dim=1)
    tolerance = torch.where(g_w.norm(dim=1) < 1.01e-5, 1.01e-5 * reach, 0.0)
    assert bool((bound - worst_improvement(g, d) <= 1e-10 + tolerance).all()), name


@pytest.mark.parametrize("m", MS)
def test_properties(m: int) -> None:
    properties.assert_well_behaved(CAGrad(), m)
    properties.assert_permutation_equivariant(CAGrad(), m)
    properties.assert_indifferent_to_scale(CAGrad(), m)


@pytest.mark.parametrize("m", MS)
@pytest.mark.parametrize("radius", [0.1, 0.4, 0.9])
def test_primal_and_dual_agree(m: int, radius: float) -> None:
    """240 problems a size and radius, degenerate ones included."""
    for name, g in gradient_families(m, seed=m).items():
        assert_optimal(g, cagrad_weights(inner_products(g), radius), radius, name)


@pytest.mark.parametrize("m", MS)
def test_the_worst_improvement_is_clarabels(m: int) -> None:
    """max over d of min_i g_i · d within the ball, as a second-order cone program: 672 problems."""
    g, mean, reach = cp.Parameter((m, 12)), cp.Parameter(12), cp.Parameter(nonneg=True)
    d, worst = cp.Variable(12), cp.Variable()
    problem = cp.Problem(cp.Maximize(worst), [g @ d >= worst, cp.norm(d - mean) <= reach])
    for name in ("random", "conflicting", "zero", "parallel", "opposite", "equal", "rank_one"):
        gradients = gradient_families(m, n_cases=12, seed=m)[name]
        improvement = worst_improvement(gradients, direction(gradients, 0.4))
        for k in range(12):
            g.value, mean.value = gradients[k].numpy(), gradients[k].mean(0).numpy()
            reach.value = 0.4 * float(gradients[k].mean(0).norm())
            problem.solve(solver=cp.CLARABEL)
            size = float(gradients[k].norm(dim=1).max())
            assert abs(float(improvement[k]) - problem.value) <= 1e-5 * max(1.0, size**2), name


@pytest.mark.slow
@given(rows=ROWS, radius=RADII)
@settings(deadline=None, max_examples=200, derandomize=True)
def test_primal_and_dual_agree_on_integers(rows: list[list[int]], radius: float) -> None:
    g = integers(rows)
    assert_optimal(g, cagrad_weights(inner_products(g), radius), radius)


@given(rows=ROWS, radius=RADII)
@settings(deadline=None, max_examples=100, derandomize=True)
def test_the_mean_loss_falls_and_no_worst_loss_does_better(rows: list[list[int]], radius: float) -> None:
    """g₀ · d ≥ (1 − c) ‖g₀‖², which is the paper's convergence to the mean's optimum; and d beats g₀ at the worst."""
    g = integers(rows)
    mean, d = g.mean(1), direction(g, radius)
    assert float((mean * d).sum()) >= (1 - radius) * float(mean.square().sum()) - 1e-9
    # 1e-5: where the length of g_w is held
    assert float(worst_improvement(g, d)) >= float(worst_improvement(g, mean)) - 1e-5 * 16


@pytest.mark.slow
@given(rows=ROWS, radius=RADII, seed=st.integers(0, 100), factor=st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=100, derandomize=True)
def test_order_and_scale_do_not_matter(rows: list[list[int]], radius: float, seed: int, factor: float) -> None:
    """The direction is unique unless g_w vanishes; what it does for the worst loss always is."""
    g = integers(rows)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    original, changed = direction(g, radius), direction(factor * g[:, order], radius) / factor
    torch.testing.assert_close(worst_improvement(g, changed), worst_improvement(g, original), atol=2e-4, rtol=0)
    nearest = torch.einsum("km,kmn->kn", min_norm(inner_products(g)), g).norm()
    if float(nearest) > 0.05:
        torch.testing.assert_close(changed, original, atol=1e-6, rtol=0)


@pytest.mark.parametrize("m", MS)
def test_gradients_in_single_precision(m: int) -> None:
    """The ball holds to rounding, and the worst loss is as well off as in double precision."""
    for name, g in gradient_families(m, seed=m).items():
        g = g / g.norm(dim=2).amax(1).clamp_min(1e-300)[:, None, None]
        d = torch.einsum("km,kmn->kn", cagrad_weights(inner_products(g.float()), 0.4), g)
        mean = g.mean(1)
        assert float(((d - mean).norm(dim=1) - 0.4 * mean.norm(dim=1)).max()) < 1e-5, name
        loss_of_improvement = worst_improvement(g, direction(g, 0.4)) - worst_improvement(g, d)
        assert float(loss_of_improvement.max()) < 1e-3, name


@pytest.mark.parametrize("m", MS)
def test_without_radius_it_is_the_mean(m: int) -> None:
    for name, g in gradient_families(m).items():
        assert torch.equal(cagrad_weights(inner_products(g), 0.0), torch.full((20, m), 1 / m, dtype=torch.float64)), (
            name
        )


def test_two_opposite_pulls_by_hand() -> None:
    """g = (1, 0), (0, 1): the mean points at the middle already, and the correction lengthens it by 1 + c."""
    expected = torch.full((1, 2), 0.5 * 1.4, dtype=torch.float64)
    torch.testing.assert_close(cagrad_weights(torch.eye(2, dtype=torch.float64)[None], 0.4), expected)


@pytest.mark.parametrize("c", [-0.1, 1.0, 2.0])
def test_a_radius_outside_its_range_is_refused(c: float) -> None:
    with pytest.raises(OptionError, match="'c'"):
        build(CAGrad, {"c": c})
