"""LORPMAN: parameters of the paper, the regularisation by hand, the frozen phase, and a known front."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from mobench.interfaces import Problem, Seeds, Setting, WeightNetwork
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.numerics import objective_gradients
from mobench.runs.execution import execute
from mobench.testing.isolation import saved_and_read
from mobench_linear.linear import Linear
from mobench_lorpman.lorpman import Lorpman, LorpmanNetwork
from mobench_mlp.mlp import Mlp
from mobench_palora.palora import matrix_form
from mobench_regression.mulan import Enb


def solver_of(generator: Lorpman, total_steps: int | None = 10) -> tuple[GradientSolver, Problem]:
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    torch.manual_seed(0)
    solver = GradientSolver(generator, Linear(), GradientOptions(lr=0.05, alpha=1.0))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 10, total_steps))
    return solver, problem


def step(solver: GradientSolver, problem: Problem, n: int) -> torch.Tensor:
    return solver.step(problem.prepare(problem.dataset.load("train").take(slice(20 * n, 20 * n + 20))))


def network_of(solver: GradientSolver) -> LorpmanNetwork:
    assert isinstance(solver.network, LorpmanNetwork)
    return solver.network


def test_the_papers_parameters_on_multimnist() -> None:
    """0.046 M (table 1): a LeNet of 27,450 weights, R = 16 in two convolutions 5 × 5 and a dense layer 320 → 50."""
    shapes = [torch.Size(s) for s in ((10, 1, 5, 5), (20, 10, 5, 5), (50, 320))]
    per_objective = sum(16 * (rows + columns) for rows, columns, _ in (matrix_form(s, 16, False) for s in shapes))
    assert round((27_450 + 2 * per_objective) / 1e6, 3) == 0.046


def test_it_stores_the_networks_parameters_and_the_matrices() -> None:
    """Enb has 8 features; the network is 8 → 5 → two heads of one output."""
    solver, problem = solver_of(Lorpman(rank=1))
    assert network_of(solver).n_stored_parameters == problem.n_target_parameters + 2 * ((5 + 8) + 2 * (1 + 5))


def test_the_regularisation_is_that_of_the_definition() -> None:
    solver, _ = solver_of(Lorpman(rank=2))
    network = network_of(solver)
    assert float(network.penalty(0).detach()) == 0
    with torch.no_grad():
        for left in network.left:
            left.normal_()
    expected = torch.zeros((), dtype=torch.float64)
    for left, right in zip(network.left, network.right, strict=True):
        columns = torch.stack([functional.normalize((left[i] @ right[i]).flatten(), dim=0) for i in range(2)], dim=1)
        expected = expected + (columns.T @ columns - torch.eye(2)).square().sum()
    torch.testing.assert_close(network.penalty(0), expected)


def test_without_a_loss_the_regularisation_makes_the_matrices_orthogonal() -> None:
    solver, _ = solver_of(Lorpman(rank=2, orthogonal=1, freeze=1))
    network = network_of(solver)
    with torch.no_grad():
        for left in network.left:
            left.normal_()
    sgd = torch.optim.SGD(network.parameters(), lr=0.2)
    first = float(network.penalty(0).detach())
    for n in range(50):
        sgd.zero_grad()
        network.after_backward(n, None)
        sgd.step()
    # a head has one row, and its two matrices are vectors of five weights
    assert float(network.penalty(0).detach()) < 1e-3 < first


def test_the_main_network_is_frozen_after_the_fraction_and_the_matrices_are_not() -> None:
    solver, problem = solver_of(Lorpman(freeze=0.6))
    network = network_of(solver)
    for n in range(10):
        main = [p.detach().clone() for p in network.main]
        right = [p.detach().clone() for p in network.right]
        step(solver, problem, n)
        changed = [not torch.equal(p.detach(), before) for p, before in zip(network.main, main, strict=True)]
        assert changed == [n < 6] * len(main)
        assert n == 0 or all(not torch.equal(p.detach(), b) for p, b in zip(network.right, right, strict=True))


def test_the_gram_matrix_of_a_frozen_network_leaves_out_the_main_network() -> None:
    solver, problem = solver_of(Lorpman(freeze=0.5))
    network = network_of(solver)
    for n in range(6):
        step(solver, problem, n)
    assert bool(network.is_frozen)
    for parameter in network.main:
        parameter.requires_grad_(False)
    rays = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 8)))
    generated = {name: w for name, w in network.weights(rays).items() if w.requires_grad}
    leaves = {name: w.detach().requires_grad_() for name, w in network.weights(rays).items()}
    gradients = objective_gradients(problem.losses(network.outputs(leaves, batch.inputs), batch), leaves)
    adapted = {name: gradients[name] for name in generated}
    dense = WeightNetwork.gram(network, rays, generated, adapted)
    torch.testing.assert_close(network.gram(rays, generated, gradients), dense, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("n_before", [3, 7])
def test_a_restored_state_continues_to_the_bit_in_both_phases(n_before: int) -> None:
    (first, problem), (second, _) = solver_of(Lorpman(freeze=0.5)), solver_of(Lorpman(freeze=0.5))
    for n in range(n_before):
        step(first, problem, n)
    second.load_state_dict(saved_and_read(first.state_dict()))
    for n in range(n_before, 10):
        assert torch.equal(step(first, problem, n), step(second, problem, n))


def test_it_reaches_the_known_front() -> None:
    """VLMOP2: its Pareto set is a segment, which the vectors of two objectives span."""
    options = {"solver.lr": 0.02, "solver.n_preferences": 4}
    record = execute(resolve.resolve("vlmop2", "point", "lorpman", options, Budget(steps=300)))
    assert record.status == "completed", record.failure
    values = record.indicators["test"]
    assert values["gd"] is not None
    assert values["gd"] < 0.01
    assert values["igd_plus"] is not None
    assert values["igd_plus"] < 0.05


def test_a_budget_in_seconds_is_declined() -> None:
    record = execute(resolve.resolve("enb", "mlp", "lorpman", {}, Budget(seconds=1)))
    assert record.failure is not None
    assert record.failure.kind == "IncompatibleError"
    assert "the budget is in seconds: give epochs or steps" in record.failure.message
