"""GMOOAR: its parts by hand and by autograd, parameters, and points that learned vectors spread over a known front."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from mobench.errors import IncompatibleError
from mobench.interfaces import Problem, Seeds, Setting
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.metrics.indicators import hypervolume
from mobench.records.record import Record
from mobench.runs.execution import execute
from mobench.testing.isolation import saved_and_read
from mobench_gmooar.film import Film, FilmNetwork
from mobench_gmooar.gmooar import GMOOAR, on_simplex, scalarised, uniformity_slope
from mobench_mlp.mlp import Mlp
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_regression.mulan import Enb


def started(solver: GMOOAR, total_steps: int = 6) -> Problem:
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    torch.manual_seed(0)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 10, total_steps))
    return problem


def step(solver: GMOOAR, problem: Problem, n: int) -> torch.Tensor:
    samples = problem.dataset.load("train")
    batches = [samples.take(slice(start, start + 20)) for start in (40 * n, 40 * n + 20)]
    return solver.step(*(problem.prepare(batch) for batch in batches))


def test_film_scales_and_shifts_the_outputs_of_every_layer() -> None:
    problem = Problem(MultiMnist(source="embedded", pairs=40, test_pairs=8), LeNet(), dtype=torch.float64)
    torch.manual_seed(1)
    network = Film(hidden=16).build(problem, finite_rays(2))
    assert isinstance(network, FilmNetwork)
    channels = 10 + 20 + 50 + 10 + 10
    assert network.n_stored_parameters == 31_910 + (2 + 1) * 16 + (16 + 1) * 2 * channels
    preference = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    weights = network.weights(preference)
    scale, shift = network.conditioning(preference)[0].chunk(2)
    main = dict(zip(problem.shapes, network.main, strict=True))
    first = next(iter(problem.shapes)).rpartition(".")[0]
    x = torch.rand(2, 1, 36, 36, dtype=torch.float64)
    plain = torch.nn.functional.conv2d(x, main[f"{first}.weight"], main[f"{first}.bias"])
    expected = (1 + scale[:10, None, None]) * plain + shift[:10, None, None]
    weight, bias = weights[f"{first}.weight"][0], weights[f"{first}.bias"][0]
    torch.testing.assert_close(torch.nn.functional.conv2d(x, weight, bias), expected)


def test_film_declines_a_network_without_biases() -> None:
    problem = Problem(Enb(), Mlp(widths=(5,)))
    problem.target = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False))
    with pytest.raises(IncompatibleError, match="build it with biases"):
        Film().check_problem(problem)


def test_the_scalarisation_is_that_of_equation_4() -> None:
    losses, vectors = torch.tensor([[3.0, 4.0]]), torch.tensor([[0.5, 0.5]])
    expected = 3.5 - 2 * 3.5 / (5 * np.sqrt(0.5))
    assert float(scalarised(losses, vectors, 2.0)) == pytest.approx(expected)


def test_slopes_of_both_measures_are_their_gradients() -> None:
    losses = torch.tensor([[0.2, 0.9], [0.5, 0.6], [0.6, 0.7], [0.9, 0.1]], dtype=torch.float64, requires_grad=True)
    kernel = torch.exp(-(losses[:, None] - losses[None]).square().sum(2) / 0.3**2).sum()
    (expected,) = torch.autograd.grad(kernel, losses)
    torch.testing.assert_close(uniformity_slope(losses.detach(), 0.3), expected)
    solver = GMOOAR(quality="hypervolume")
    solver.reference = np.array([1.0, 1.0])
    slope = solver.slope(losses.detach())
    for i in range(4):
        for j in range(2):
            moved = losses.detach().numpy().copy()
            moved[i, j] -= 1e-6
            gain = (hypervolume(moved, (1, 1)) - hypervolume(losses.detach().numpy(), (1, 1))) / 1e-6
            assert float(slope[i, j]) == pytest.approx(gain, abs=1e-4)
    assert not slope[2].any()  # it is dominated


def test_vectors_are_projected_to_the_nearest_point_of_the_simplex() -> None:
    points = torch.tensor([[0.9, 0.9, -0.3], [0.2, 0.3, 0.5], [-1.0, 5.0, 0.0]], dtype=torch.float64)
    for point, projected in zip(points, on_simplex(points), strict=True):
        constraint = {"type": "eq", "fun": lambda x: x.sum() - 1}
        target = point.numpy()
        nearest = minimize(
            lambda x, target=target: ((x - target) ** 2).sum(),
            np.full(3, 1 / 3),
            bounds=[(1e-6, 1)] * 3,
            constraints=[constraint],
        )
        np.testing.assert_allclose(projected.numpy(), nearest.x, atol=1e-4)
        assert float(projected.sum()) == pytest.approx(1)


def test_the_first_part_is_a_descent_and_the_second_moves_the_vectors_on_the_second_batch() -> None:
    first, second = GMOOAR(n_vectors=3), GMOOAR(n_vectors=3)
    problem = started(first)
    started(second)
    samples = problem.dataset.load("train")
    batch, other, third = (problem.prepare(samples.take(slice(20 * i, 20 * i + 20))) for i in range(3))
    before = first.points.vectors.clone()
    first.step(batch, other)
    second.step(batch, third)
    assert not torch.equal(first.points.vectors, before)
    assert not torch.equal(first.points.vectors, second.points.vectors)
    for mine, its in zip(first.points.network.parameters(), second.points.network.parameters(), strict=True):
        assert torch.equal(mine, its)


def test_a_restored_state_continues_to_the_bit() -> None:
    first, second = GMOOAR(n_vectors=3, milestones=(0.5,)), GMOOAR(n_vectors=3, milestones=(0.5,))
    problem = started(first)
    started(second)
    for n in range(2):
        step(first, problem, n)
    second.load_state_dict(saved_and_read(first.state_dict()))
    for n in range(2, 5):
        assert torch.equal(step(first, problem, n), step(second, problem, n))


@cache
def record(solver: str, vector_lr: float) -> Record:
    options = {"lr": 0.01, "vector_lr": vector_lr, "n_vectors": 5, "milestones": [0.6, 0.8], "gamma": 0.3}
    result = execute(resolve.resolve("vlmop2", "point", solver, options, Budget(steps=150)))
    assert result.status == "completed", result.failure
    return result


@pytest.mark.slow
@pytest.mark.parametrize("solver", ["gmooar-hv", "gmooar-u"])
def test_learned_vectors_spread_the_points_over_the_front(solver: str) -> None:
    """VLMOP2: the points are on the front, and the measure is better than with vectors that stay where they start."""
    adaptive, fixed = record(solver, 0.02), record(solver, 1e-12)
    assert adaptive.indicators["test"]["gd"] is not None
    assert adaptive.indicators["test"]["gd"] < 5e-3
    assert not adaptive.fronts["test"].preferences
    if solver == "gmooar-hv":
        volumes = [r.indicators["test"]["hypervolume"] for r in (adaptive, fixed)]
        assert volumes[0] is not None
        assert volumes[1] is not None
        assert volumes[0] > volumes[1] + 1e-3
    else:
        gaps = []
        for result in (adaptive, fixed):
            points = np.array(result.fronts["test"].losses)
            distances = np.linalg.norm(points[:, None] - points[None], axis=2) + 10 * np.eye(len(points))
            gaps.append(distances.min())
        assert gaps[0] > 1.2 * gaps[1]


def test_it_stores_the_network_and_the_vectors() -> None:
    solver = GMOOAR(n_vectors=3)
    problem = started(solver)
    solver.pareto_set.predictor(1)(problem.dataset.load("train").take(slice(0, 2)).inputs.double())  # type: ignore[union-attr]
    network = Film(64).build(problem, dense_rays(2))
    assert solver.pareto_set.n_stored_parameters == network.n_stored_parameters + 6
    assert solver.pareto_set.n_points == 3
