"""Inputs of balancers that request more than losses: directions of gradients, a second batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from mobench.interfaces import (
    Balancer,
    DirectionBalancer,
    Generator,
    ParetoNetwork,
    Problem,
    Samples,
    Scope,
    Seeds,
    Setting,
)
from mobench.learning.batches import Batches
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.loop import Limit, train
from mobench.learning.preferences import finite_rays
from mobench.testing.small import batch_of
from mobench_chunked_phn.chunked import ChunkedPHN
from mobench_cpmtl.chunked import Chunked
from mobench_linear.linear import Linear
from mobench_linear.stack import Stack
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.mtl_cnn import MtlCnn
from mobench_pamal.endpoints import Endpoints
from mobench_phn.phn import PHN


class InputNetwork(ParetoNetwork):
    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.net = problem.new_target()

    def forward(self, inputs: Tensor, preferences: Tensor) -> Any:
        return [self.net(inputs * (1 + r[0])) for r in preferences]


@dataclass(frozen=True)
class InputGenerator(Generator):
    """A network that multiplies its images by 1 + r_0."""

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        return InputNetwork(problem)


GENERATORS: dict[str, Generator] = {
    "stack": Stack(),
    "phn": PHN(hidden=(5,), features=4),
    "chunked-phn": ChunkedPHN(size="fit", chunk=100, hidden=6),
    "input": InputGenerator(),
}


@dataclass(eq=False)
class WeightedSum(DirectionBalancer):
    """The directions of linear scalarisation."""

    scope: Scope = "all"

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        self.shape = gradients.shape
        return torch.einsum("km,kmn->kn", preferences, gradients)


def problem_of() -> Problem:
    torch.manual_seed(0)
    dataset = MultiMnist(source="embedded", pairs=200, test_pairs=5)
    return Problem(dataset, MtlCnn(filters=(2, 2, 2), width=4, dropout=0.0), dtype=torch.float64)


def started(balancer: Balancer, generator: Generator, problem: Problem) -> GradientSolver:
    solver = GradientSolver(generator, balancer, GradientOptions(optimiser="sgd", lr=0.5, n_preferences=2))
    torch.manual_seed(1)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 10))
    problem.train(True)
    return solver


@pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
def test_directions_of_the_weighted_sum_are_steps_of_linear_scalarisation(generator: Generator) -> None:
    after = []
    for balancer in (WeightedSum(), Linear()):
        problem = problem_of()
        solver = started(balancer, generator, problem)
        for step in range(3):
            solver.step(batch_of(problem, step))
        after.append(nn.utils.parameters_to_vector(solver.network.parameters()).detach())
    torch.testing.assert_close(*after)


def test_own_weights_are_not_among_the_gradients() -> None:
    problem = problem_of()
    for scope, n_own in (("all", 0), ("shared", 2 * (4 * 10 + 10))):
        balancer = WeightedSum(scope=scope)  # type: ignore[arg-type]
        solver = started(balancer, Stack(), problem)
        before = [p.detach().clone() for p in solver.network.parameters()]
        solver.step(batch_of(problem, 0))
        assert balancer.shape == (5, 2, problem.n_target_parameters - n_own)
        assert all(not torch.equal(p, old) for p, old in zip(solver.network.parameters(), before, strict=True))


@dataclass(eq=False)
class TwoBatches(Balancer):
    """Weights equal to the preference; keeps what it is given."""

    needs_second_batch: ClassVar[bool] = True
    needs_gram: ClassVar[bool] = True

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        self.losses, self.gram, self.preferences = losses, gram, preferences
        return preferences


@pytest.mark.parametrize(
    "generator", [*GENERATORS.values(), Endpoints(), Chunked()], ids=[*GENERATORS, "pamal", "cpmtl"]
)
def test_the_gram_matrix_of_two_batches_is_between_their_gradients(generator: Generator) -> None:
    problem = problem_of()
    solver = started(balancer := TwoBatches(), generator, problem)
    assert solver.n_batches == 2
    first_batch, second_batch = batch_of(problem, 0), batch_of(problem, 1)
    network: Any = solver.network
    parameters = list(network.parameters())
    before = nn.utils.parameters_to_vector(parameters).detach()
    state = solver.sampler.state_dict()
    preferences = solver.sampler.sample(solver.n_preferences).to(torch.float64)
    solver.sampler.load_state_dict(state)

    def gradients(batch: Samples) -> tuple[Tensor, Tensor]:
        losses = problem.losses(network(batch.inputs, preferences), batch)
        rows = [
            torch.cat(
                [g.flatten() for g in torch.autograd.grad(v, parameters, retain_graph=True, materialize_grads=True)]
            )
            for v in losses.flatten()
        ]
        return losses.detach(), torch.stack(rows).view(*losses.shape, -1)

    (losses, rows), (more_losses, more_rows) = gradients(first_batch), gradients(second_batch)
    returned = solver.step(first_batch, second_batch)
    torch.testing.assert_close(balancer.gram, rows @ more_rows.transpose(1, 2), rtol=1e-5, atol=1e-9)
    torch.testing.assert_close(returned, (losses + more_losses) / 2)
    assert torch.equal(returned, balancer.losses)
    expected = before - 0.5 * torch.einsum("km,kmn->n", preferences, (rows + more_rows) / 2)
    torch.testing.assert_close(nn.utils.parameters_to_vector(parameters).detach(), expected)


class Watches(GradientSolver):
    """Keeps the batches of every step."""

    def step(self, batch: Samples, *more: Samples) -> Tensor:
        self.batches = [*getattr(self, "batches", []), (batch, *more)]
        return super().step(batch, *more)


@pytest.mark.slow
def test_the_loop_passes_an_independent_second_batch_and_counts_its_gradients() -> None:
    problem = problem_of()
    samples = problem.dataset.load("train")
    batches_by_balancer, evaluations = {}, {}
    for balancer in (TwoBatches(), Linear()):
        solver = Watches(Stack(), balancer, GradientOptions())
        rays = finite_rays(2)
        training = train(solver, problem, samples, limit=Limit(epochs=2), batch_size=16, seeds=Seeds(data=3), rays=rays)
        batches_by_balancer[type(balancer)], evaluations[type(balancer)] = solver.batches, training.gradient_evaluations
    steps = len(batches_by_balancer[Linear])
    assert len(batches_by_balancer[TwoBatches]) == steps == 2 * (len(samples) // 16)
    assert {len(batches) for batches in batches_by_balancer[TwoBatches]} == {2}
    for (first_batch, second_batch), (only_batch,) in zip(
        batches_by_balancer[TwoBatches], batches_by_balancer[Linear], strict=True
    ):
        assert torch.equal(first_batch.inputs, only_batch.inputs), "the first batch is that of every other method"
        assert not torch.equal(first_batch.inputs, second_batch.inputs)
    assert evaluations[TwoBatches] == 2 * evaluations[Linear] == 2 * steps * 5 * 2


def test_every_batch_of_a_step_has_an_order_of_its_own_which_covers_the_samples() -> None:
    batches = Batches(Samples(torch.arange(12.0)), 4, seed=1)
    orders = [torch.cat([batches.at(step, index).inputs for step in range(3)]) for index in (0, 1)]
    assert all(sorted(order.tolist()) == list(range(12)) for order in orders)
    assert not torch.equal(*orders)
    # in any order of the calls
    assert torch.equal(batches.at(1, 1).inputs, orders[1][4:8])
    assert torch.equal(batches.at(0, 0).inputs, orders[0][:4])
