"""The hypervolume gradient against finite differences of moocore's hypervolume, and by hand."""

from __future__ import annotations

import moocore
import numpy as np
import pytest
import torch

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Seeds, Setting
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.metrics.indicators import hypervolume
from mobench.testing import properties
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_hypervolume.hypervolume import (
    Hypervolume,
    cosine_gradient,
    hypervolume_gradient,
    layered_gradient,
    layers,
)
from mobench_linear.stack import Stack
from mobench_phn.phn import PHN


@pytest.mark.parametrize("m", [2, 3, 4, 5])
def test_properties(m: int) -> None:
    properties.assert_well_behaved(Hypervolume(), m)
    properties.assert_permutation_equivariant(Hypervolume(), m)
    properties.assert_indifferent_to_scale(Hypervolume(), m)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_gradients_are_finite_differences_of_moocores_hypervolume(m: int) -> None:
    """1,050 fronts, some of their points beyond the reference."""
    draw, reference, step = np.random.default_rng(m), np.full(m, 1.0), 1e-6
    for _ in range(400 if m < 4 else 250):
        points = draw.uniform(0, 1.2, (int(draw.integers(1, 7)), m))
        points = points[next(iter(layers(points)))]
        expected = np.zeros_like(points)
        for k, i in np.ndindex(*points.shape):
            lower, upper = points.copy(), points.copy()
            lower[k, i] -= step
            upper[k, i] += step
            expected[k, i] = (moocore.hypervolume(lower, ref=reference) - moocore.hypervolume(upper, ref=reference)) / (
                2 * step
            )
        np.testing.assert_allclose(hypervolume_gradient(points, reference), expected, atol=1e-6)


@pytest.mark.parametrize("m", [2, 3, 4])
def test_where_points_are_equally_high_the_gradient_is_what_lowering_gives(m: int) -> None:
    """300 fronts on a grid, whose ties are kinks of the hypervolume: one-sided differences of moocore's."""
    draw, reference, step = np.random.default_rng(m), np.full(m, 4.0), 2.0**-20
    n_ties = 0
    for _ in range(100):
        points = draw.integers(0, 4, (int(draw.integers(2, 7)), m)).astype(float)
        points = points[next(iter(layers(points)))]
        n_ties += any(len(set(column)) < len(column) for column in points.T.tolist())
        expected = np.zeros_like(points)
        for k, i in np.ndindex(*points.shape):
            lower = points.copy()
            lower[k, i] -= step
            before, after = (moocore.hypervolume(p, ref=reference) for p in (points, lower))
            expected[k, i] = (after - before) / step
        np.testing.assert_allclose(hypervolume_gradient(points, reference), expected, atol=1e-6)
    assert n_ties > 10 or m == 2  # two objectives: points of one layer are never equally high


def test_a_tie_by_hand() -> None:
    """Lowering (1, 1, 1.5) in objective 1 adds its face [1, 2] × [1.5, 2]: (1, 1.5, 1) is no longer as low."""
    gradient = hypervolume_gradient(np.array([[1, 1, 1.5], [1, 1.5, 1]]), np.array([2.0, 2.0, 2.0]))
    np.testing.assert_allclose(gradient, np.full((2, 3), 0.5))


def test_a_staircase_by_hand() -> None:
    """Faces of (0, 2), (1, 1), (2, 0) towards (3, 3): each step is 1 wide and 1 high."""
    points = np.array([[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]])
    np.testing.assert_allclose(hypervolume_gradient(points, np.array([3.0, 3.0])), np.ones((3, 2)))
    lonely = hypervolume_gradient(np.array([[1.0, 2.0]]), np.array([4.0, 4.0]))
    np.testing.assert_allclose(lonely, [[2.0, 3.0]])


def test_dominated_points_and_twins_have_a_layer_of_their_own() -> None:
    points = np.array([[1.0, 1.0], [2.0, 2.0], [1.0, 1.0], [0.5, 3.0]])
    assert [sorted(layer.tolist()) for layer in layers(points)] == [[0, 3], [2], [1]]
    gradient = layered_gradient(points, np.array([4.0, 4.0]))
    assert (gradient > 0).all()
    np.testing.assert_allclose(gradient[1], [2.0, 2.0])


def test_a_point_beyond_the_reference_follows_its_preference() -> None:
    balancer = Hypervolume(penalty=0.0, normalise=False)
    properties.started(balancer, 2, 2)
    r = torch.tensor([[0.3, 0.7], [0.5, 0.5]])
    alpha = balancer(torch.tensor([[5.0, 0.1], [1.0, 1.0]]), r, None)
    torch.testing.assert_close(alpha, torch.tensor([[0.3, 0.7], [1.0, 1.0]]))


@pytest.mark.parametrize("m", [2, 3, 5])
def test_the_cosines_gradient_is_autograds(m: int) -> None:
    for case in properties.cases(m, seed=m):
        losses = case.losses.clone().requires_grad_()
        torch.cosine_similarity(losses, 1 / case.preferences, dim=1, eps=1e-30).sum().backward()
        torch.testing.assert_close(cosine_gradient(case.losses, case.preferences), losses.grad)


def test_at_losses_of_zero_the_penalty_is_silent() -> None:
    r = torch.tensor([[0.2, 0.8]], dtype=torch.float64)
    assert torch.equal(cosine_gradient(torch.zeros(1, 2, dtype=torch.float64), r), torch.zeros(1, 2).double())


def test_one_objective_descends_below_the_reference() -> None:
    """The losses form one layer each, or are equal; the reference is 2."""
    balancer = properties.started(Hypervolume(), 1, 3)
    alpha = balancer(torch.tensor([[0.5], [1.0], [3.0]]), torch.ones(3, 1), None)
    assert alpha.tolist() == [[1.0], [1.0], [1.0]]


def test_at_the_ray_the_penalty_is_silent() -> None:
    r = torch.tensor([[0.2, 0.8]], dtype=torch.float64)
    torch.testing.assert_close(cosine_gradient(0.3 / r, r), torch.zeros(1, 2, dtype=torch.float64))


def test_one_preference_a_step_is_refused() -> None:
    problem = Problem(VLMOP2(), Point())
    solver = GradientSolver(PHN(), Hypervolume(), GradientOptions())
    with pytest.raises(IncompatibleError, match="set it to 2 or more"):
        solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))


@pytest.mark.slow
def test_a_stack_covers_a_concave_front() -> None:
    """Five points on VLMOP2, against the best of many spacings of five points along its front."""
    torch.manual_seed(0)
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    solver = GradientSolver(
        Stack(), Hypervolume(penalty=0.0, normalise=False), GradientOptions(optimiser="sgd", lr=0.1)
    )
    solver.start(problem, Setting(finite_rays(2).double(), Seeds(), 1, 2000))
    losses = torch.empty(0)
    for _ in range(2000):
        losses = solver.step(problem.dataset.load("train"))

    def spaced(width: float, power: float) -> float:
        t = np.linspace(-1, 1, 5)
        t = width * np.sign(t) * np.abs(t) ** power
        return hypervolume(1 - np.exp(-(np.stack([t - 1, t + 1], 1) ** 2)), (1.0, 1.0))

    best = max(spaced(w, p) for w in np.linspace(0.3, 1, 50) for p in np.linspace(0.5, 1.5, 30))
    assert hypervolume(losses.numpy(), (1.0, 1.0)) > 0.999 * best
