"""PMGDA: its two programs against cvxpy and their optimality conditions, and exact rays of known fronts."""

from __future__ import annotations

import cvxpy as cp
import numpy as np
import pytest
import torch

from mobench.interfaces import BalancerContext
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.runs.execution import execute
from mobench_pmgda.pmgda import PMGDA, correction, distance_from_ray, prediction

CASES = [(seed, m) for m in (2, 3, 5) for seed in range(4)]


def gradients(seed: int, m: int) -> tuple[np.ndarray, np.ndarray]:
    """Gradients [m, 8] and losses [m] of different sizes."""
    rng = np.random.default_rng([seed, m])
    return rng.normal(size=(m, 8)) * 10.0 ** rng.uniform(-1, 1, (m, 1)), rng.uniform(0.1, 2, m)


def slope_of(losses: np.ndarray, seed: int) -> np.ndarray:
    preference = np.random.default_rng(seed).dirichlet(np.ones(len(losses)))
    return distance_from_ray(losses[None], preference[None])[1][0]


def test_the_distance_and_its_slope_are_those_of_autograd() -> None:
    losses = torch.tensor([[0.3, 1.2, 0.4], [2.0, 0.1, 0.7]], dtype=torch.float64, requires_grad=True)
    r = torch.tensor([[0.2, 0.3, 0.5], [0.6, 0.3, 0.1]], dtype=torch.float64)
    p = (1 / r) / (1 / r).norm(dim=1, keepdim=True)
    h = (losses - (losses * p).sum(1, keepdim=True) * p).norm(dim=1)
    h.sum().backward()
    assert losses.grad is not None
    distance, slope = distance_from_ray(losses.detach().numpy(), r.numpy())
    np.testing.assert_allclose(distance, h.detach().numpy())
    np.testing.assert_allclose(slope, losses.grad.numpy())
    on_ray, slope = distance_from_ray(np.array([[2.0, 1.0]]), np.array([[1 / 3, 2 / 3]]))
    assert on_ray[0] < 1e-15
    assert np.isfinite(slope).all()


@pytest.mark.parametrize(("seed", "m"), CASES)
def test_a_correction_is_the_optimum_of_the_linear_program(seed: int, m: int) -> None:
    """The same program in cvxpy, of the gradients themselves; its optimum value is compared."""
    rows, losses = gradients(seed, m)
    slope = slope_of(losses, seed)
    direction = correction(slope, rows @ rows.T, 0.95) @ rows
    h = slope @ rows
    unit = np.concatenate([rows, h[None]])
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    mu, t = cp.Variable(m + 1, nonneg=True), cp.Variable()
    d = unit.T @ mu
    scaled = h / np.linalg.norm(h)
    problem = cp.Problem(cp.Maximize(t), [rows @ d >= t, scaled @ d >= 0.95, cp.sum(mu) == 1])
    problem.solve(solver=cp.CLARABEL)
    assert scaled @ direction >= 0.95 - 1e-6
    assert (rows @ direction).min() == pytest.approx(problem.value, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize(("seed", "m"), CASES)
def test_a_prediction_satisfies_the_optimality_conditions(seed: int, m: int) -> None:
    """The direction keeps h, and descends every loss by at least its squared length: ∇L_i · d ≥ ‖d‖²."""
    rows, losses = gradients(seed, m)
    slope = slope_of(losses, seed)
    alpha = prediction(slope[None], (rows @ rows.T)[None])[0]
    direction = alpha @ rows
    square = direction @ direction
    assert abs(slope @ rows @ direction) <= 1e-9 * np.linalg.norm(slope @ rows) * np.linalg.norm(rows)
    assert (rows @ direction >= square * (1 - 1e-9) - 1e-12).all()


def test_a_prediction_without_a_slope_is_that_of_mgda() -> None:
    rows, _ = gradients(0, 2)
    alpha = prediction(np.zeros((1, 2)), (rows @ rows.T)[None])[0]
    t = np.clip(rows[1] @ (rows[1] - rows[0]) / ((rows[0] - rows[1]) ** 2).sum(), 0, 1)
    np.testing.assert_allclose(alpha, [t, 1 - t], atol=1e-12)


def test_it_counts_corrections_and_restores_the_count() -> None:
    balancer = PMGDA()
    balancer.start(BalancerContext(2, 2, torch.ones(2), torch.zeros(2)))
    rows = torch.from_numpy(gradients(0, 2)[0])
    gram = (rows @ rows.T).expand(2, 2, 2)
    losses = torch.tensor([[1.0, 1.0], [1.0, 0.2]], dtype=torch.float64)
    balancer(losses, torch.full((2, 2), 0.5, dtype=torch.float64), gram)
    assert balancer.notes == {"correction steps": 1}
    restored = PMGDA()
    restored.load_state_dict(balancer.state_dict())
    assert restored.notes == balancer.notes


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["vlmop2", "zdt2"])
def test_it_reaches_the_points_of_the_front_on_its_rays(dataset: str) -> None:
    """Also on a concave front, where a weighted sum reaches the ends alone."""
    options = {"solver.lr": 0.02, "solver.milestones": [0.6, 0.8], "solver.gamma": 0.3}
    record = execute(resolve.resolve(dataset, "point", "pmgda", options, Budget(steps=250)))
    assert record.status == "completed", record.failure
    values = record.indicators["test"]
    assert values["non_uniformity"] is not None
    assert values["non_uniformity"] < 1e-3
    assert values["gd"] is not None
    assert values["gd"] < 1e-2
