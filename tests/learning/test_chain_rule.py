"""The gradient that reaches a hypernetwork, against finite differences and the chain rule by hand.

The students whose report this project began from could not get a gradient from the target
network's loss to the hypernetwork. These tests check that the gradient exists and is correct.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, jacrev

from mobench.interfaces import Balancer, Problem, Samples, Seeds, Setting
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.numerics import objective_gradients
from mobench_linear.linear import Linear
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_phn.phn import PHN, ParetoHypernetwork


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def problem() -> Problem:
    torch.manual_seed(0)
    return Problem(MultiMnist(source="embedded", pairs=40, test_pairs=10), LeNet(), dtype=torch.float64)


@pytest.fixture
def batch(problem: Problem) -> Samples:
    return problem.prepare(problem.dataset.load("train").take(slice(0, 8)))


@pytest.fixture
def network(problem: Problem) -> ParetoHypernetwork:
    built = PHN(hidden=(7,), features=5).build(problem, finite_rays(2))
    assert isinstance(built, ParetoHypernetwork)
    return built


R = torch.tensor([[0.3, 0.7]], dtype=torch.float64)


def scalarised(network: ParetoHypernetwork, problem: Problem, batch: Samples) -> Tensor:
    return (R * problem.losses(network(batch.inputs, R), batch)).sum()


def test_gradient_equals_finite_differences(problem: Problem, network: ParetoHypernetwork, batch: Samples) -> None:
    scalarised(network, problem, batch).backward()
    step = 1e-6
    for parameter in network.parameters():
        assert parameter.grad is not None
        direction = torch.randn_like(parameter)
        with torch.no_grad():
            parameter += step * direction
            above = scalarised(network, problem, batch)
            parameter -= 2 * step * direction
            below = scalarised(network, problem, batch)
            parameter += step * direction
        slope = (above - below) / (2 * step)
        torch.testing.assert_close(slope, (parameter.grad * direction).sum(), rtol=1e-5, atol=1e-7)


def test_gradient_equals_the_chain_rule_written_out(
    problem: Problem, network: ParetoHypernetwork, batch: Samples
) -> None:
    """∂ℓ/∂φ = Σ_θ ∂ℓ/∂θ · ∂θ/∂φ, each factor by itself: no graph leads from ℓ to φ here."""
    weights = {name: w.detach()[0].requires_grad_() for name, w in network.weights(R).items()}
    loss = (R[0] * problem.losses([problem.outputs(weights, batch.inputs)], batch)[0]).sum()
    loss_by_weight = torch.autograd.grad(loss, list(weights.values()))
    flat_gradient = torch.cat([g.flatten() for g in loss_by_weight])

    # by hand for one hidden layer: θ = V h + c, h = B relu(A r + a) + b
    first, last = network.trunk[0], network.trunk[2]
    r = R[0]
    z = first.weight @ r + first.bias
    hidden = z.clamp_min(0)
    h = last.weight @ hidden + last.bias
    at_h = network.heads.weight.T @ flat_gradient
    at_z = (last.weight.T @ at_h) * (z > 0)
    by_hand = {
        "heads.weight": torch.outer(flat_gradient, h),
        "heads.bias": flat_gradient,
        "trunk.2.weight": torch.outer(at_h, hidden),
        "trunk.2.bias": at_h,
        "trunk.0.weight": torch.outer(at_z, r),
        "trunk.0.bias": at_z,
    }

    scalarised(network, problem, batch).backward()
    parameter_by_name = dict(network.named_parameters())
    assert parameter_by_name.keys() == by_hand.keys()
    for name, expected in by_hand.items():
        torch.testing.assert_close(parameter_by_name[name].grad, expected, rtol=1e-9, atol=1e-12)


def test_the_solver_leaves_the_same_gradient(problem: Problem, network: ParetoHypernetwork, batch: Samples) -> None:
    """The two-stage backward of the solver (through the target, then through the generator) against one backward."""
    solver = GradientSolver(PHN(hidden=(7,), features=5), Linear(), GradientOptions())
    torch.manual_seed(1)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))
    assert isinstance(solver.network, ParetoHypernetwork)
    solver.network.load_state_dict(network.state_dict())
    solver.backward(R, batch)
    scalarised(network, problem, batch).backward()
    for solver_parameter, parameter in zip(solver.network.parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(solver_parameter.grad, parameter.grad, rtol=1e-9, atol=1e-12)


class WithGram(Balancer):
    """Keeps the Gram matrix that it was given."""

    needs_gram = True

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        assert gram is not None
        self.gram = gram
        return preferences


def test_gram_equals_the_dense_one_over_all_parameters(
    problem: Problem, network: ParetoHypernetwork, batch: Samples
) -> None:
    """Heads and trunk together, for two preferences, against m × |φ| Jacobians from jacrev."""
    preferences = torch.tensor([[0.3, 0.7], [0.8, 0.2]], dtype=torch.float64)
    solver = GradientSolver(PHN(hidden=(7,), features=5), balancer := WithGram(), GradientOptions())
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 1))
    assert isinstance(solver.network, ParetoHypernetwork)
    solver.network.load_state_dict(network.state_dict())
    solver.backward(preferences, batch)

    class Losses(nn.Module):
        def __init__(self, network: ParetoHypernetwork) -> None:
            super().__init__()
            self.network = network

        def forward(self, preference: Tensor) -> Tensor:
            return problem.losses(self.network(batch.inputs, preference[None]), batch)[0]

    module = Losses(network)
    parameters = dict(module.named_parameters())
    for k, preference in enumerate(preferences):
        jacobian = jacrev(lambda p, at=preference: functional_call(module, p, (at,)))(parameters)
        rows = torch.cat([j.flatten(1) for j in jacobian.values()], dim=1)
        torch.testing.assert_close(balancer.gram[k], rows @ rows.T, rtol=1e-5, atol=1e-9)


def test_structured_gram_equals_the_general_road(problem: Problem, network: ParetoHypernetwork, batch: Samples) -> None:
    preferences = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
    generated = network.weights(preferences)
    leaves = {name: w.detach().requires_grad_() for name, w in generated.items()}
    losses = problem.losses(network.outputs(leaves, batch.inputs), batch)
    gradients = objective_gradients(losses, leaves)
    general = super(ParetoHypernetwork, network).gram(preferences, generated, gradients)
    torch.testing.assert_close(network.gram(preferences, generated, gradients), general, rtol=1e-5, atol=1e-12)


def snippets(language: str) -> Iterator[str]:
    page = Path(__file__).parents[2] / "mobench" / "docs" / "concepts" / "gradient.md"
    yield from re.findall(rf"```{language}\n(.*?)```", page.read_text(), re.DOTALL)


def test_the_lines_of_the_page_do_what_they_say() -> None:
    """The code of the page on gradients runs, and the hypernetwork has a gradient at its end."""
    snippet = next(s for s in snippets("python") if "functional_call" in s)
    names: dict[str, object] = {}
    exec(compile(snippet, "gradient.md", "exec"), names)
    hyper = names["hyper"]
    assert isinstance(hyper, nn.Linear)
    assert hyper.weight.grad is not None
    assert bool((hyper.weight.grad != 0).any())
