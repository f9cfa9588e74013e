"""PaLoRA: low-rank updates by hand, parameters by the closed formula, and problems whose front is known."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from mobench.interfaces import Problem, Seeds, Setting, WeightNetwork
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import dense_rays, finite_rays
from mobench.numerics import objective_gradients
from mobench.runs.execution import execute
from mobench_analytic.point import Point
from mobench_analytic.problems import DTLZ2
from mobench_linear.linear import Linear
from mobench_mlp.mlp import Mlp
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_palora.palora import LowRankNetwork, PaLoRA, matrix_form
from mobench_regression.mulan import Enb

DATA = MultiMnist(source="embedded", pairs=40, test_pairs=8)


def built(generator: PaLoRA, problem: Problem) -> LowRankNetwork:
    torch.manual_seed(1)
    network = generator.build(problem, finite_rays(problem.n_objectives))
    assert isinstance(network, LowRankNetwork)
    return network


def trained(network: LowRankNetwork) -> LowRankNetwork:
    """The network with random updates, as after some steps."""
    with torch.no_grad():
        for left in network.left:
            left.normal_()
    return network


@pytest.fixture(scope="module")
def lenet() -> Problem:
    torch.manual_seed(0)
    return Problem(DATA, LeNet(), dtype=torch.float64)


@pytest.mark.parametrize("rank", [1, 4])
def test_it_stores_the_networks_parameters_and_the_factors(lenet: Problem, rank: int) -> None:
    """|θ| + m Σ R (rows + columns); LeNet has convolutions 10×1×9×9 and 20×10×5×5, and dense layers."""
    convolutions = 9 * (9 * 10 + 9 * 1) + 5 * rank * (5 * 20 + 5 * 10)  # the first has 9 columns, so a rank of 9
    dense = rank * (50 + 500) + 2 * rank * (10 + 50)
    network = built(PaLoRA(rank=rank), lenet)
    assert network.n_stored_parameters == 31_910 + 2 * (convolutions + dense)


def test_a_rank_is_at_most_the_sides_of_the_matrix() -> None:
    assert matrix_form(torch.Size([20, 10, 5, 5]), 2) == (100, 50, 10)
    assert matrix_form(torch.Size([20, 10, 5]), 2) == (20, 50, 2)
    assert matrix_form(torch.Size([8, 4, 3, 5, 2]), 1) == (24, 40, 3)
    assert matrix_form(torch.Size([3, 50]), 7) == (3, 50, 3)
    assert matrix_form(torch.Size([6]), 2) == (6, 1, 1)


def test_weights_are_the_networks_plus_the_weighted_updates(lenet: Problem) -> None:
    network = trained(built(PaLoRA(rank=3, scale=6, adapter_lr="main"), lenet))
    preferences = torch.tensor([[0.3, 0.7], [1.0, 0.0]], dtype=torch.float64)
    weights = network.weights(preferences)
    for name, main in zip(lenet.shapes, network.main, strict=True):
        for k, (r1, r2) in enumerate(preferences):
            update = torch.zeros_like(main)
            if main.ndim > 1:
                i = network.adapted.index(name)
                first, second = (network.left[i][j] @ network.right[i][j] for j in range(2))
                update = (6 / 3 * (r1 * first + r2 * second)).reshape(main.shape)
            torch.testing.assert_close(weights[name][k], main + update)
            assert torch.equal(weights[name][k], main) == (main.ndim == 1)


def test_a_new_network_is_the_main_network_for_every_preference(lenet: Problem) -> None:
    network = built(PaLoRA(), lenet)
    weights = network.weights(dense_rays(2, 3).double())
    for name, main in zip(lenet.shapes, network.main, strict=True):
        assert torch.equal(weights[name], main.expand_as(weights[name]))


def test_after_the_first_step_the_preference_moves_the_output_and_every_factor_has_a_gradient() -> None:
    torch.manual_seed(0)
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    solver = GradientSolver(PaLoRA(), Linear(), GradientOptions(n_preferences=2, alpha=1.0))
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 2))
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 20)))
    first = solver.step(batch)
    assert torch.equal(first[0], first[1])
    second = solver.step(batch)
    assert not torch.equal(second[0], second[1])
    for name, parameter in solver.network.named_parameters():
        assert parameter.grad is not None, name
        assert bool(parameter.grad.any()), name


@pytest.mark.parametrize(("rows", "columns"), [(50, 500), (10, 50)])
def test_the_right_factor_starts_as_a_linear_layer_of_torch(lenet: Problem, rows: int, columns: int) -> None:
    network = built(PaLoRA(rank=4, adapter_lr="main"), lenet)
    layer = torch.nn.Linear(columns, 4, dtype=torch.float64)
    right = next(r for r, left in zip(network.right, network.left, strict=True) if left.shape[1] == rows)
    assert right.shape == (2, 4, columns)
    bound = float(layer.weight.detach().abs().max())
    assert float(right.detach().abs().max()) == pytest.approx(bound, rel=0.1)


@pytest.mark.parametrize("model", ["lenet", "mlp"])
def test_the_exact_gram_matrix_is_the_general_one(lenet: Problem, model: str) -> None:
    problem = lenet if model == "lenet" else Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    network = trained(built(PaLoRA(rank=2), problem))
    rays = torch.tensor([[0.5, 0.5], [0.9, 0.1]], dtype=torch.float64)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 8)))
    generated = network.weights(rays)
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items()}
    gradients = objective_gradients(problem.losses(network.outputs(leaves, batch.inputs), batch), leaves)
    dense = WeightNetwork.gram(network, rays, generated, gradients)
    torch.testing.assert_close(network.gram(rays, generated, gradients), dense, rtol=1e-8, atol=1e-12)


def test_under_adam_the_updates_learn_with_m_times_the_rate() -> None:
    """One step of Adam from the same values with separate rates, as in the authors' code."""
    problem = Problem(Enb(), Mlp(widths=(5,)), dtype=torch.float64)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 20)))
    preference = torch.tensor([[0.3, 0.7]], dtype=torch.float64)
    results = []
    for lr in ("objectives", "main"):
        network = trained(built(PaLoRA(rank=2, adapter_lr=lr), problem))  # type: ignore[arg-type]
        factor = 2 if lr == "objectives" else 1
        with torch.no_grad():
            for left in network.left:
                left.div_(factor)
        factors = [*network.left, *network.right]
        adam = torch.optim.Adam(
            [{"params": list(network.main)}, {"params": factors, "lr": 0.01 * 2 / factor}], lr=0.01, eps=1e-30
        )
        (problem.losses(network(batch.inputs, preference), batch) * preference).sum().backward()
        adam.step()
        results.append({name: w.detach() for name, w in network.weights(preference).items()})
    for name, weight in results[0].items():
        torch.testing.assert_close(weight, results[1][name])


def test_a_target_without_matrices_has_an_update_of_its_vectors_for_each_objective() -> None:
    problem = Problem(DTLZ2(), Point(), dtype=torch.float64)
    network = built(PaLoRA(), problem)
    assert network.n_stored_parameters == problem.n_target_parameters * (1 + 3) + 3


@pytest.mark.parametrize(("dataset", "options"), [("vlmop2", {}), ("dtlz2", {"solver.n_preferences": 6})])
def test_it_reaches_the_known_front(dataset: str, options: dict[str, Any]) -> None:
    record = execute(resolve.resolve(dataset, "point", "palora", {"solver.lr": 0.01, **options}, Budget(steps=200)))
    assert record.status == "completed", record.failure
    values = record.indicators["test"]
    assert values["gd"] is not None
    assert values["gd"] < 0.01
    if dataset == "vlmop2":  # its Pareto set is a segment, and its ends differ
        assert values["igd_plus"] is not None
        assert values["igd_plus"] < 0.05
        assert values["controllability"] == pytest.approx(1.0)
