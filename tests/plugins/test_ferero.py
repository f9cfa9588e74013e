"""FERERO: its program against cvxpy and the authors' projected descent, and exact rays of known fronts."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch

from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.runs.execution import execute
from mobench_ferero.ferero import FERERO, ferero_weights, rays_complement


def case(seed: int, m: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gradients [m, 8], losses [m] and a preference [m]."""
    rng = np.random.default_rng([seed, m])
    return rng.normal(size=(m, 8)), rng.uniform(0.1, 2, m), rng.dirichlet(np.ones(m))


@pytest.mark.parametrize("m", [2, 3, 5])
def test_rows_of_the_constraint_are_orthonormal_and_orthogonal_to_the_ray(m: int) -> None:
    preference = case(0, m)[2]
    basis = rays_complement(preference[None])[0]
    np.testing.assert_allclose(basis @ basis.T, np.eye(m - 1), atol=1e-12)
    np.testing.assert_allclose(basis @ (1 / preference), 0, atol=1e-9)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_direction_is_the_optimum_of_the_primal_program(seed: int, m: int) -> None:
    rows, losses, preference = case(seed, m)
    weights = ferero_weights(losses[None], preference[None], (rows @ rows.T)[None], 0.5)[0]
    basis = rays_complement(preference[None])[0]
    d, c = cp.Variable(8), cp.Variable()
    constraints = [rows @ d <= c, basis @ rows @ d == -0.5 * basis @ losses]
    cp.Problem(cp.Minimize(c + 0.5 * cp.sum_squares(d)), constraints).solve(solver=cp.CLARABEL)
    np.testing.assert_allclose(-weights @ rows, d.value, atol=1e-5)


def test_the_authors_projected_descent_converges_to_the_same_weights() -> None:
    """Two objectives: steps of λ on the simplex and of ν, as in their `find_min_norm_element_PGD_H`, until they end."""
    for seed in range(3):
        rows, losses, preference = case(seed, 2)
        gram = rows @ rows.T
        p = (1 / preference) / np.linalg.norm(1 / preference)
        across = np.array([p[1], -p[0]])
        share, nu, size = 0.5, 0.0, 0.5 / np.linalg.norm(gram, 2)
        for _ in range(20_000):
            slope = gram @ (np.array([share, 1 - share]) + nu * across)
            share = float(np.clip(share - size * (slope[0] - slope[1]) / 2, 0, 1))
            nu = nu - size * (across @ slope - 0.5 * across @ losses)
        expected = np.array([share, 1 - share]) + nu * across
        weights = ferero_weights(losses[None], preference[None], gram[None], 0.5)[0]
        np.testing.assert_allclose(weights @ rows, expected @ rows, atol=1e-5)


def test_on_the_ray_it_descends_all_losses_and_stays_there() -> None:
    rows, _, preference = case(1, 3)
    weights = ferero_weights(1 / preference[None], preference[None], (rows @ rows.T)[None], 0.5)[0]
    change = -rows @ (weights @ rows)
    assert (change < 0).all()
    np.testing.assert_allclose(rays_complement(preference[None])[0] @ change, 0, atol=1e-8)


def test_dependent_gradients_and_one_objective_give_finite_weights() -> None:
    gram = np.ones((1, 3, 3))
    assert np.isfinite(ferero_weights(np.array([[1.0, 2.0, 3.0]]), np.full((1, 3), 1 / 3), gram, 0.5)).all()
    np.testing.assert_array_equal(ferero_weights(np.ones((2, 1)), np.ones((2, 1)), np.ones((2, 1, 1)), 0.5), 1)


def test_normalised_weights_have_absolute_values_that_sum_to_one() -> None:
    rows, losses, preference = case(2, 3)
    arguments = [torch.from_numpy(x)[None] for x in (losses, preference, rows @ rows.T)]
    normalised, plain = (FERERO(normalise=n)(*arguments) for n in (True, False))
    torch.testing.assert_close(normalised, plain / plain.abs().sum(1, keepdim=True))
    assert float(normalised.abs().sum()) == pytest.approx(1)


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["vlmop2", "dtlz2"])
def test_it_reaches_the_points_of_the_front_on_its_rays(dataset: str) -> None:
    """Both fronts are concave, so a weighted sum reaches their ends alone."""
    options = {"solver.lr": 0.02, "solver.milestones": [0.6, 0.8], "solver.gamma": 0.3}
    record = execute(resolve.resolve(dataset, "point", "ferero", options, Budget(steps=300)))
    assert record.status == "completed", record.failure
    values = record.indicators["test"]
    assert values["non_uniformity"] is not None
    assert values["non_uniformity"] < 1e-3
    assert values["gd"] is not None
    assert values["gd"] < 2e-2
