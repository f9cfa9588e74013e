from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mobench.errors import PreferenceError
from mobench.learning.preferences import (
    DirichletSampler,
    FixedRays,
    check_on_simplex,
    dense_rays,
    finite_rays,
)


def test_two_objectives_lie_on_the_quarter_circle_at_even_angles() -> None:
    rays = dense_rays(2, 25).double()
    angles = torch.atan2(rays[:, 1], rays[:, 0])
    torch.testing.assert_close(
        angles, torch.linspace(0.1, math.pi / 2 - 0.1, 25, dtype=torch.float64), atol=1e-6, rtol=0
    )
    assert rays[0, 0] > rays[0, 1]


@pytest.mark.parametrize("m", [1, 2, 3, 4, 6])
def test_rays_lie_on_the_simplex_and_are_positive(m: int) -> None:
    for rays in (dense_rays(m), finite_rays(m)):
        assert check_on_simplex(rays) is rays
        assert bool((rays > 0).all())
        assert len(torch.unique(rays, dim=0)) == len(rays)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_finite_rays_are_among_the_dense_ones(m: int) -> None:
    """All solvers can be compared at equal K without another evaluation."""
    distances = (finite_rays(m)[:, None] - dense_rays(m)[None]).abs().amax(-1)
    assert bool((distances.min(1).values < 1e-6).all())


def test_three_objectives_follow_das_dennis() -> None:
    """C(p + 2, 2) directions of p partitions; 6 is the smallest even p with 25 or more."""
    rays = dense_rays(3, 25).double()
    assert len(rays) == math.comb(6 + 2, 2)
    grid = (rays - 0.1 / 3) / 0.9 * 6
    torch.testing.assert_close(grid, grid.round(), atol=1e-5, rtol=0)


@given(m=st.integers(2, 8), k=st.integers(1, 20), alpha=st.floats(0.01, 5), seed=st.integers(0, 1000))
@settings(deadline=None, max_examples=60)
def test_drawn_preferences_are_on_the_simplex(m: int, k: int, alpha: float, seed: int) -> None:
    drawn = DirichletSampler(m, alpha, seed).sample(k)
    assert drawn.shape == (k, m)
    assert bool((drawn > 0).all())
    check_on_simplex(drawn, tolerance=1e-9)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_the_sampler_has_the_moments_of_a_dirichlet(alpha: float) -> None:
    """Var r_i = (1/m)(1 − 1/m) / (mα + 1)."""
    drawn = DirichletSampler(3, alpha, seed=1).sample(100_000)
    variance = (1 / 3) * (2 / 3) / (3 * alpha + 1)
    torch.testing.assert_close(drawn.mean(0), torch.full((3,), 1 / 3, dtype=torch.float64), atol=5e-3, rtol=0)
    torch.testing.assert_close(drawn.var(0), torch.full((3,), variance, dtype=torch.float64), atol=0, rtol=0.03)


def test_the_sampler_leaves_the_global_random_state_alone_and_goes_on_from_its_own() -> None:
    before = torch.get_rng_state()
    sampler = DirichletSampler(2, 0.2, seed=3)
    sampler.sample(5)
    state = sampler.state_dict()
    expected = sampler.sample(4)
    other = DirichletSampler(2, 0.2, seed=99)
    other.load_state_dict(state)
    assert torch.equal(other.sample(4), expected)
    assert torch.equal(torch.get_rng_state(), before)


def test_fixed_rays_are_all_given_at_every_step() -> None:
    rays = finite_rays(2)
    assert FixedRays(rays).sample(1) is rays


@pytest.mark.parametrize("bad", [[[0.5, 0.6]], [[0.5, 0.5], [1.2, -0.2]], [[math.nan, 1.0]], [[0.0, 0.0]], [0.5, 0.5]])
def test_a_preference_off_the_simplex_is_named(bad: list[object]) -> None:
    with pytest.raises(PreferenceError, match="pass"):
        check_on_simplex(torch.tensor(bad))
