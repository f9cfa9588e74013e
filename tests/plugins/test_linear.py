"""The stack of nets and linear scalarisation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mobench.errors import PreferenceError, ShapeError
from mobench.interfaces import Problem, Samples, Seeds, Setting
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.numerics import objective_gradients
from mobench_analytic.point import Point
from mobench_analytic.problems import DTLZ2, VLMOP2
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet


@given(k=st.integers(1, 6), m=st.integers(1, 5))
def test_linear_weights_are_the_preferences(k: int, m: int) -> None:
    preferences = torch.softmax(torch.randn(k, m), 1)
    assert torch.equal(Linear()(torch.rand(k, m), preferences, None), preferences)


def test_a_stack_trains_what_separate_nets_would() -> None:
    """Three nets on shared batches, against three plain training loops written out."""
    torch.manual_seed(0)
    problem = Problem(MultiMnist(source="embedded", pairs=70, test_pairs=5), LeNet(), dtype=torch.float64)
    rays = finite_rays(2, 3).double()
    batches = Batches(problem.dataset.load("train"), 16, seed=0)
    solver = GradientSolver(Stack(), Linear(), GradientOptions(lr=1e-2))
    torch.manual_seed(5)
    solver.start(problem, Setting(rays, Seeds(), batches.per_epoch, 4))
    for step in range(4):
        solver.step(problem.prepare(batches.at(step)))

    torch.manual_seed(5)
    nets = [problem.new_target() for _ in rays]
    for k, net in enumerate(nets):
        optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
        for step in range(4):
            batch = problem.prepare(batches.at(step))
            optimiser.zero_grad()
            outputs = net(batch.inputs)
            (rays[k] * torch.stack([o.loss(outputs, batch) for o in problem.objectives])).sum().backward()
            optimiser.step()
        weights = solver.network.weights(rays[k : k + 1])  # type: ignore[operator]
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(weights[name][0], parameter.detach(), rtol=1e-7, atol=1e-9)


def test_nets_share_nothing() -> None:
    problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
    rays = finite_rays(2).double()
    network = Stack().build(problem, rays)
    losses = problem.losses(network(torch.zeros(1, 0), rays), Samples(torch.zeros(1, 0)))
    (stacked,) = network.parameters()
    (gradient,) = torch.autograd.grad(losses[2].sum(), stacked)
    assert gradient[2].any()
    assert not gradient[[0, 1, 3, 4]].any()


def test_gram_of_a_stack_is_that_of_each_net() -> None:
    problem = Problem(DTLZ2(), Point(), dtype=torch.float64)
    rays = finite_rays(3).double()
    network = Stack().build(problem, rays)
    weights = network.weights(rays)  # type: ignore[operator]
    nothing = torch.zeros(1, 0)

    def losses() -> torch.Tensor:
        return problem.losses(network.outputs(weights, nothing), Samples(nothing))  # type: ignore[operator]

    gram = network.gram(rays, weights, objective_gradients(losses(), weights))  # type: ignore[operator]
    (stacked,) = network.parameters()
    for k in range(len(rays)):
        rows = torch.stack([torch.autograd.grad(losses()[k, i], stacked)[0][k] for i in range(3)])
        torch.testing.assert_close(gram[k], rows @ rows.T, rtol=1e-10, atol=1e-12)


def test_a_preference_without_a_net_is_refused_and_the_accepted_ones_are_said() -> None:
    network = Stack().build(Problem(VLMOP2(), Point()), finite_rays(2))
    with pytest.raises(PreferenceError, match=r"no net was trained for preference \[0.25, 0.75\].*serves"):
        network.serve(torch.tensor([0.25, 0.75]))


def test_a_ray_from_storage_finds_its_net() -> None:
    """Rays that went through float32 and JSON differ in their last digits."""
    rays = finite_rays(2)
    network = Stack().build(Problem(VLMOP2(), Point()), rays)
    at = rays[3].double() + 3e-7
    outputs = network.serve(at.float())(torch.zeros(1, 0))
    expected = network(torch.zeros(1, 0), rays)[3]
    assert torch.equal(outputs["x"], expected["x"])


def test_rays_of_another_number_of_objectives_are_refused() -> None:
    with pytest.raises(ShapeError, match="one column per objective"):
        Stack().build(Problem(VLMOP2(), Point()), finite_rays(3))


def test_stored_parameters_are_those_of_all_nets() -> None:
    problem = Problem(MultiMnist(source="embedded"), LeNet())
    assert Stack().build(problem, finite_rays(2)).n_stored_parameters == 5 * 31_910
