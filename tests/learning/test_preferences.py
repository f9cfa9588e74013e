from __future__ import annotations

import math
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from mobench.errors import PreferenceError
from mobench.learning.preferences import (
    check_on_simplex,
    dense_rays,
    finite_rays,
    lattice_rays,
)
from mobench.learning.space_filling import UNIT, covering_subset, space_filling_rays, uniform_samples


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


@pytest.mark.parametrize("m", [2, 3, 4, 8, 11])
def test_finite_rays_are_among_the_dense_ones(m: int) -> None:
    """All solvers can be compared at equal K without another evaluation."""
    distances = (finite_rays(m)[:, None] - dense_rays(m)[None]).abs().amax(-1)
    assert bool((distances.min(1).values < 1e-6).all())


@pytest.mark.parametrize("m", range(4, 12))
@pytest.mark.parametrize(("n_dense", "n_finite"), [(25, 5), (25, 13), (40, 12), (5, 5), (3, 2), (5, 7)])
def test_more_than_three_objectives_have_as_many_rays_as_asked_for(m: int, n_dense: int, n_finite: int) -> None:
    dense, finite = dense_rays(m, n_dense), finite_rays(m, n_finite, n_dense)
    assert dense.shape == (n_dense, m)
    assert finite.shape == (n_finite, m)
    for rays in (dense, finite):
        check_on_simplex(rays)
        assert bool((rays > 0).all())
        assert len(torch.unique(rays, dim=0)) == len(rays)
    if n_finite <= n_dense:
        distances = (finite[:, None] - dense[None]).abs().amax(-1)
        assert bool((distances.min(1).values == 0).all())


@pytest.mark.parametrize("m", range(4, 12))
@pytest.mark.parametrize("n", [25, 40])
def test_vertices_and_centre_are_among_many_rays(m: int, n: int) -> None:
    """The vertices are moved towards the centre by a tenth, as all rays."""
    vertices = 0.9 * torch.eye(m) + 0.1 / m
    for rays in (dense_rays(m, n), finite_rays(m, m + 1, n)):
        for point in (*vertices, torch.full((m,), 1 / m)):
            assert float((rays - point).abs().amax(1).min()) < 1e-6
    assert float(dense_rays(m, n)[0].argmax()) == 0


@pytest.mark.parametrize("m", range(6, 12))
def test_few_rays_of_many_objectives_have_the_centre_and_favour_no_objective(m: int) -> None:
    rays = finite_rays(m, 5)
    assert float((rays - 1 / m).abs().amax(1).min()) < 1e-6
    torch.testing.assert_close(rays.mean(0), torch.full((m,), 1 / m), atol=0.065, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("m", [4, 8, 11])
def test_rays_cover_the_simplex_better_than_riesz_directions_and_lattices(m: int) -> None:
    """Coverage: the mean distance from a uniform preference to the nearest ray; other samples than the rays'."""
    from pymoo.util.ref_dirs import get_reference_directions

    samples = torch.distributions.Dirichlet(torch.ones(m)).sample((2000,)).double()
    riesz = torch.from_numpy(0.9 * get_reference_directions("energy", m, 25, seed=1) + 0.1 / m)

    def coverage(rays: torch.Tensor) -> float:
        return float(torch.cdist(samples, rays.double()).min(1).values.mean())

    assert coverage(dense_rays(m, 25)) < 0.85 * coverage(riesz)
    lattice = lattice_rays(m, 25)
    assert coverage(dense_rays(m, len(lattice))) < 0.95 * coverage(lattice)
    assert coverage(dense_rays(m, 60)) < coverage(dense_rays(m, 25))


@pytest.mark.parametrize("m", range(4, 12))
def test_rays_keep_a_distance_from_each_other_and_lie_inside_as_well(m: int) -> None:
    rays = dense_rays(m, 25).double()
    apart = torch.cdist(rays, rays) + 9 * torch.eye(25)
    assert float(apart.min()) > 0.1
    near_centre = ((rays - 1 / m).norm(dim=1) < 0.34).sum()
    assert int(near_centre) >= 3, "a lattice of two partitions has none for m = 8"


@pytest.mark.slow
def test_rays_of_many_objectives_are_always_the_same_bits() -> None:
    """A new process with another number of threads gives the same rays: the arithmetic is exact."""
    program = (
        "import hashlib; from mobench.learning.preferences import dense_rays, finite_rays\n"
        "parts = [r.numpy().tobytes() for m in (4, 8, 11) for r in (dense_rays(m, 30), finite_rays(m, 6, 30))]\n"
        "print(hashlib.sha256(b''.join(parts)).hexdigest()[:16])"
    )
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "2")
    out = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **threads}, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "f807351444bfff08"


def test_samples_of_the_simplex_are_whole_numbers_and_uniform() -> None:
    """Var r_i = (1/m)(1 − 1/m) / (m + 1) of the uniform distribution, a Dirichlet with concentration 1."""
    samples = uniform_samples(5, 20_000)
    assert (samples == samples.round()).all()
    assert (samples.sum(axis=1) == UNIT).all()
    assert samples.min() >= 0
    assert (samples / UNIT).mean(axis=0) == pytest.approx([0.2] * 5, abs=0.005)
    assert (samples / UNIT).var(axis=0) == pytest.approx([0.2 * 0.8 / 6] * 5, rel=0.05)


def test_free_rays_are_the_means_of_their_regions() -> None:
    """The fixed point of Lloyd's algorithm, to the width of a region's sampling error."""
    rays, samples = space_filling_rays(4, 12), uniform_samples(4, 20_000)
    nearest = ((samples[:, None] - rays[None]) ** 2).sum(axis=2).argmin(axis=1)
    fixed = (rays.max(axis=1) == UNIT) | (rays == UNIT // 4).all(axis=1)
    assert fixed.sum() == 5
    for k in (~fixed).nonzero()[0]:
        mean = samples[nearest == k].mean(axis=0)
        assert abs(mean - rays[k]).max() / UNIT < 0.005


def test_a_subset_covers_better_than_most_random_ones_that_have_the_centre() -> None:
    rays, samples = space_filling_rays(6, 25), uniform_samples(6, 4000)
    squares = ((samples[:, None] - rays[None]) ** 2).sum(axis=2)
    chosen = covering_subset(6, 25, 5)
    assert list(chosen) == sorted(set(chosen))
    centre = int((rays == UNIT // 6).all(axis=1).argmax())
    assert centre in chosen
    other_indices = [k for k in range(25) if k != centre]
    random = np.random.default_rng(0)
    totals = [
        squares[:, [centre, *random.choice(other_indices, 4, replace=False)]].min(axis=1).sum() for _ in range(200)
    ]
    assert squares[:, chosen].min(axis=1).sum() <= np.quantile(totals, 0.05)


def test_three_objectives_follow_das_dennis() -> None:
    """C(p + 2, 2) directions of p partitions; 6 is the smallest even p with 25 or more."""
    rays = dense_rays(3, 25).double()
    assert len(rays) == math.comb(6 + 2, 2)
    grid = (rays - 0.1 / 3) / 0.9 * 6
    torch.testing.assert_close(grid, grid.round(), atol=1e-5, rtol=0)


@pytest.mark.parametrize("bad", [[[0.5, 0.6]], [[0.5, 0.5], [1.2, -0.2]], [[math.nan, 1.0]], [[0.0, 0.0]], [0.5, 0.5]])
def test_a_preference_off_the_simplex_is_named(bad: list[object]) -> None:
    with pytest.raises(PreferenceError, match="pass"):
        check_on_simplex(torch.tensor(bad))
