"""Task-specific parameters: how they are recognized, and the gradients of specific and shared parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError, OptionError
from mobench.interfaces import (
    Balancer,
    Dataset,
    Generator,
    ParetoNetwork,
    Problem,
    Samples,
    Scope,
    Seeds,
    Setting,
    WeightNetwork,
    inner_products,
)
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.testing.small import batch_of
from mobench_analytic.point import Point
from mobench_analytic.problems import VLMOP2
from mobench_linear.stack import Stack
from mobench_mgda.min_norm import MinNorm
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_phn.phn import PHN

HEADS = ("heads",)
ALPHA = torch.tensor([0.25, 0.75], dtype=torch.float64)


@dataclass(eq=False)
class Fixed(Balancer):
    """Weights ¼ and ¾; keeps the Gram matrix that it was given."""

    needs_gram: ClassVar[bool] = True
    scope: Scope = "shared"

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        self.gram = gram
        return ALPHA.to(losses).expand_as(losses)


@dataclass(eq=False)
class FixedPlain(Fixed):
    task_gradients = "plain"


@dataclass(eq=False)
class OnePoint(FixedPlain):
    needs_preference: ClassVar[bool] = False


def problem_of(model: LeNet | None = None) -> tuple[Problem, Samples]:
    torch.manual_seed(0)
    problem = Problem(MultiMnist(source="embedded", pairs=60, test_pairs=5), model or LeNet(), dtype=torch.float64)
    return problem, batch_of(problem, 0)


def started(balancer: Balancer, generator: Generator, problem: Problem, **options: Any) -> GradientSolver:
    solver = GradientSolver(generator, balancer, GradientOptions(optimiser="sgd", lr=1.0, **options))
    torch.manual_seed(1)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 10))
    return solver


def jacobian(solver: GradientSolver, problem: Problem, batch: Samples) -> tuple[Tensor, list[list[Tensor]]]:
    """Return the losses [K, m], and the gradient of each loss summed over the preferences for every parameter."""
    network: Any = solver.network
    preferences = solver.sampler.sample(solver.n_preferences).to(problem.dtype)
    losses = problem.losses(network(batch.inputs, preferences), batch)
    parameters = list(network.parameters())
    rows = [
        list(torch.autograd.grad(column.sum(), parameters, retain_graph=True, materialize_grads=True))
        for column in losses.unbind(1)
    ]
    return losses, rows


@pytest.mark.slow
def test_task_gradients_of_a_stack_are_the_heads_of_every_net() -> None:
    problem, batch = problem_of()
    for balancer, own_factors in ((Fixed(), ALPHA), (FixedPlain(), torch.ones(2).double())):
        solver = started(balancer, Stack(), problem)
        _, rows = jacobian(solver, problem, batch)
        before = [p.detach().clone() for p in solver.network.parameters()]
        solver.step(batch)
        shared_rows = []
        for name, p, old, g0, g1 in zip(problem.shapes, solver.network.parameters(), before, *rows, strict=True):
            if name.startswith(HEADS):
                assert float(g0.abs().max()) == 0 or float(g1.abs().max()) == 0, name
                expected = own_factors[0] * g0 + own_factors[1] * g1
            else:
                expected = ALPHA[0] * g0 + ALPHA[1] * g1
                shared_rows.append(torch.stack([g0, g1], dim=1).flatten(2))
            torch.testing.assert_close(old - p.detach(), expected, atol=1e-12, rtol=1e-9)
        assert len(shared_rows) == len(before) - 4
        torch.testing.assert_close(balancer.gram, inner_products(torch.cat(shared_rows, dim=2)))


class SeparateHeads(WeightNetwork):
    """θ_t = u_t h(r) + b_t: one scale h of the preference for all tensors, and u_t, b_t for each tensor."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.trunk = nn.Linear(2, 1)
        weights = problem.new_weights()
        self.names = list(weights)
        self.scales = nn.ParameterList(nn.Parameter(0.1 * torch.randn_like(w)) for w in weights.values())
        self.offsets = nn.ParameterList(nn.Parameter(w.clone()) for w in weights.values())

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        h = self.trunk(preferences)
        return {
            name: scale * h.view(-1, *[1] * scale.ndim) + offset
            for name, scale, offset in zip(self.names, self.scales, self.offsets, strict=True)
        }


@dataclass(frozen=True)
class SeparateHeadsGenerator(Generator):
    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        return SeparateHeads(problem).to(problem.dtype)


def test_a_hypernetwork_shares_what_generates_weights_of_several_losses() -> None:
    """The trunk generates the weights of both heads, so it is shared; the scales and offsets of a head are its own."""
    problem, batch = problem_of()
    for balancer, own_factors in ((Fixed(), ALPHA), (FixedPlain(), torch.ones(2).double())):
        solver = started(balancer, SeparateHeadsGenerator(), problem, n_preferences=1)
        state = solver.sampler.state_dict()
        _, rows = jacobian(solver, problem, batch)
        solver.sampler.load_state_dict(state)
        names = [name for name, _ in solver.network.named_parameters()]
        is_own = [
            not n.startswith("trunk") and solver.network.names[int(n.split(".")[1])].startswith(HEADS) for n in names
        ]  # type: ignore[operator, index, union-attr]
        assert sum(is_own) == 8
        before = [p.detach().clone() for p in solver.network.parameters()]
        solver.step(batch)
        shared = [
            torch.stack([g0, g1]).flatten(1)
            for is_specific, g0, g1 in zip(is_own, *rows, strict=True)
            if not is_specific
        ]
        torch.testing.assert_close(balancer.gram, inner_products(torch.cat(shared, dim=1))[None])
        for is_specific, p, old, g0, g1 in zip(is_own, solver.network.parameters(), before, *rows, strict=True):
            factors = own_factors if is_specific else ALPHA
            torch.testing.assert_close(old - p.detach(), factors[0] * g0 + factors[1] * g1, atol=1e-12, rtol=1e-9)


def test_all_parameters_of_a_hypernetwork_with_one_head_matrix_are_shared() -> None:
    """PHN generates all weights with one matrix, so both scopes give the same step, bit for bit."""
    after = []
    for scope in ("shared", "all"):
        problem, batch = problem_of()
        solver = started(FixedPlain(scope=scope), PHN(hidden=(5,), features=4), problem)  # type: ignore[arg-type]
        solver.step(batch)
        after.append([p.detach().clone() for p in solver.network.parameters()])
    assert all(map(torch.equal, *after))


class InputNetwork(ParetoNetwork):
    """A target network whose images are multiplied by 1 + r_0; it generates no weights."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.net = problem.new_target()

    def forward(self, inputs: Tensor, preferences: Tensor) -> Any:
        return [self.net(inputs * (1 + r[0])) for r in preferences]


@dataclass(frozen=True)
class InputGenerator(Generator):
    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        return InputNetwork(problem)


def test_a_network_without_generated_weights_has_task_gradients_too() -> None:
    problem, batch = problem_of()
    for balancer, own_factors in ((Fixed(), ALPHA), (FixedPlain(), torch.ones(2).double())):
        solver = started(balancer, InputGenerator(), problem, n_preferences=1)
        state = solver.sampler.state_dict()
        _, rows = jacobian(solver, problem, batch)
        solver.sampler.load_state_dict(state)
        named_parameters = [(name, p, p.detach().clone()) for name, p in solver.network.named_parameters()]
        solver.step(batch)
        shared = []
        for (name, p, old), g0, g1 in zip(named_parameters, *rows, strict=True):
            is_specific = name.startswith("net.heads")
            factors = own_factors if is_specific else ALPHA
            torch.testing.assert_close(old - p.detach(), factors[0] * g0 + factors[1] * g1, atol=1e-12, rtol=1e-9)
            shared += [] if is_specific else [torch.stack([g0, g1]).flatten(1)]
        torch.testing.assert_close(balancer.gram, inner_products(torch.cat(shared, dim=1))[None])


def test_without_task_gradients_both_scopes_give_the_same_steps() -> None:
    """The decision vector of an analytic problem is reached by every loss."""
    after = []
    for scope in ("shared", "all"):
        problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
        solver = started(MinNorm(scope=scope), Stack(), problem)  # type: ignore[arg-type]
        for _ in range(5):
            solver.step(problem.dataset.load("train"))
        after.append(next(solver.network.parameters()).detach())
    assert torch.equal(*after)


@dataclass(frozen=True)
class Declares(LeNet):
    """LeNet whose dense layer is declared to belong to the first objective."""

    def task_parameters(self, dataset: Dataset) -> Mapping[str, str]:
        return {"dense.weight": dataset.objectives[0].name}


@dataclass(frozen=True)
class DeclaresUnknown(LeNet):
    def task_parameters(self, dataset: Dataset) -> Mapping[str, str]:
        return {"dense.weigth": dataset.objectives[0].name}


def test_a_declared_parameter_is_trained_by_its_own_loss_alone() -> None:
    problem, batch = problem_of(Declares())
    solver = started(FixedPlain(), Stack(), problem)
    _, rows = jacobian(solver, problem, batch)
    index = list(problem.shapes).index("dense.weight")
    before = list(solver.network.parameters())[index].detach().clone()
    solver.step(batch)
    after = list(solver.network.parameters())[index].detach()
    torch.testing.assert_close(before - after, rows[0][index], atol=1e-12, rtol=1e-9)
    assert float(rows[1][index].abs().max()) > 0


def test_a_declaration_of_an_unknown_parameter_is_rejected() -> None:
    problem, batch = problem_of(DeclaresUnknown())
    with pytest.raises(OptionError, match=r"task_parameters names parameter 'dense.weigth'.*did you mean"):
        started(Fixed(), Stack(), problem).step(batch)


def test_gram_matrix_of_the_representation() -> None:
    """The Gram matrix of the input of LeNet's heads, and the step of the weights that it gives (MGDA-UB)."""
    problem, batch = problem_of()
    balancer = OnePoint(scope="representation")
    solver = started(balancer, Stack(), problem)
    _, rows = jacobian(solver, problem, batch)
    network: Any = solver.network
    with torch.no_grad():
        for name, stacked in zip(problem.shapes, network.stacked, strict=True):
            problem.target.get_parameter(name).copy_(stacked[0])
    features: list[Tensor] = []
    heads: Any = problem.target.heads
    hook = heads.register_forward_pre_hook(lambda module, args: features.append(args[0]))
    losses = problem.losses([problem.target(batch.inputs)], batch)[0]
    hook.remove()
    at_features = [torch.autograd.grad(loss, features[0], retain_graph=True)[0].flatten() for loss in losses]
    before = [p.detach().clone() for p in network.parameters()]
    solver.step(batch)
    torch.testing.assert_close(balancer.gram, inner_products(torch.stack(at_features))[None])
    for name, p, old, g0, g1 in zip(problem.shapes, network.parameters(), before, *rows, strict=True):
        expected = g0 + g1 if name.startswith(HEADS) else ALPHA[0] * g0 + ALPHA[1] * g1
        torch.testing.assert_close(old - p.detach(), expected, atol=1e-12, rtol=1e-9)


class Apart(nn.Module):
    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.nets = nn.ModuleDict({name: nn.Linear(36 * 36, width) for name, width in heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return {name: net(inputs.flatten(1)) for name, net in self.nets.items()}


@dataclass(frozen=True)
class ApartModel(LeNet):
    """One linear network for each objective, without a shared trunk."""

    def build(self, dataset: Dataset) -> nn.Module:
        return Apart(dataset.heads)


def test_without_shared_parameters_every_network_takes_its_own_gradient() -> None:
    problem, batch = problem_of(ApartModel())
    solver = started(FixedPlain(), Stack(), problem)
    _, rows = jacobian(solver, problem, batch)
    before = [p.detach().clone() for p in solver.network.parameters()]
    solver.step(batch)
    for p, old, g0, g1 in zip(solver.network.parameters(), before, *rows, strict=True):
        torch.testing.assert_close(old - p.detach(), g0 + g1, atol=1e-12, rtol=1e-9)


def test_the_decision_vector_of_an_analytic_problem_is_its_representation() -> None:
    after = []
    for scope in ("shared", "representation"):
        problem = Problem(VLMOP2(), Point(), dtype=torch.float64)
        solver = started(MinNorm(scope=scope), Stack(), problem)  # type: ignore[arg-type]
        for _ in range(5):
            solver.step(problem.dataset.load("train"))
        after.append(next(solver.network.parameters()).detach())
    torch.testing.assert_close(*after)


def test_the_representation_is_declined_where_there_is_none() -> None:
    problem, batch = problem_of(ApartModel())
    solver = started(OnePoint(scope="representation"), Stack(), problem)
    with pytest.raises(IncompatibleError, match=r"set balancer.scope to .shared. or .all."):
        solver.step(batch)
    with pytest.raises(IncompatibleError, match="each step has 5 preferences"):
        started(Fixed(scope="representation"), Stack(), problem)
    with pytest.raises(IncompatibleError, match="generates no weights"):
        started(Fixed(scope="representation"), InputGenerator(), problem)
