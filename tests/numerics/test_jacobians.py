"""The gradients of each loss, against torch's functional jacobian and the steps of built-in solvers."""

from __future__ import annotations

import pytest
import surgery
import torch
from torch import Tensor
from torch.autograd.functional import jacobian as jacobian_of_torch

import mobench.plugins
from mobench.errors import ShapeError
from mobench.interfaces import Problem, Seeds, Setting
from mobench.jobs.job import Budget
from mobench.jobs.resolve import make_solver, resolve
from mobench.learning.preferences import finite_rays
from mobench.numerics import jacobian, objective_gradients, split_vectors, task_specific
from mobench.plugins import Plugin, Registry
from mobench.testing import Case
from mobench.testing.conformance import cases_of
from mobench.testing.small import batch_of
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet

SMALL = {"source": "embedded", "pairs": 60, "test_pairs": 20}


def losses_of(a: Tensor, b: Tensor, c: Tensor) -> Tensor:
    """Losses [2, 3] of parameters of different shapes; the third loss of each row depends on one of them only."""
    hidden = (a @ b).tanh()
    first = torch.stack([hidden.square().sum(), (hidden * c).sum().exp(), c.square().sum()])
    return torch.stack([first, first.flip(0).sin() * hidden.sum()])


def parameters() -> tuple[Tensor, Tensor, Tensor]:
    draw = torch.Generator().manual_seed(3)
    shapes = (2, 3), (3, 4), (4,)
    a, b, c = (torch.randn(shape, generator=draw, dtype=torch.float64, requires_grad=True) for shape in shapes)
    return a, b, c


def test_the_jacobian_equals_that_of_torch() -> None:
    inputs = parameters()
    expected = torch.cat([j.flatten(2) for j in jacobian_of_torch(losses_of, inputs)], dim=2)
    torch.testing.assert_close(jacobian(losses_of(*inputs), inputs), expected, rtol=1e-13, atol=1e-13)
    assert [p.grad for p in inputs] == [None] * 3


def test_the_jacobian_of_a_network_equals_that_of_torch() -> None:
    """Losses of LeNet on two digits, as a function of all its weights."""
    torch.manual_seed(0)
    problem = Problem(MultiMnist(**SMALL), LeNet(), dtype=torch.float64)
    batch = problem.prepare(problem.dataset.load("train").take(slice(0, 4)))
    names = list(problem.shapes)
    weights = [p.detach().clone().requires_grad_() for p in problem.new_weights().values()]

    def losses(*tensors: Tensor) -> Tensor:
        outputs = problem.outputs(dict(zip(names, tensors, strict=True)), batch.inputs)
        return problem.losses([outputs], batch)

    expected = torch.cat([j.flatten(2) for j in jacobian_of_torch(losses, tuple(weights))], dim=2)
    torch.testing.assert_close(jacobian(losses(*weights), weights), expected)


def test_gradients_of_weight_sets_are_the_diagonal_blocks_of_the_jacobian() -> None:
    draw = torch.Generator().manual_seed(5)
    weights = {name: torch.randn(3, *shape, generator=draw, dtype=torch.float64, requires_grad=True)
               for name, shape in (("a", (2, 3)), ("b", (3, 4)), ("c", (4,)))}  # fmt: skip

    def losses() -> Tensor:
        return torch.stack([losses_of(*(w[k] for w in weights.values()))[0] for k in range(3)])

    dense = jacobian(losses(), list(weights.values()))
    start = 0
    for name, gradients in objective_gradients(losses(), weights).items():
        n = weights[name].numel()
        blocks = dense[:, :, start : start + n].unflatten(2, weights[name].shape)
        start += n
        for k in range(3):
            torch.testing.assert_close(gradients[k], blocks[k, :, k])
            others = [j for j in range(3) if j != k]
            assert not blocks[k][:, others].any()


def test_task_specific_parameters_are_those_that_one_loss_reaches() -> None:
    a, b, c = parameters()
    hidden = (a @ b).tanh()
    assert task_specific([hidden.sum(), (hidden * c).sum()], [a, b, c]) == {2: 1}
    assert task_specific([a.sum(), b.sum(), hidden.sum()], [a, b, c]) == {}
    assert task_specific([hidden.sum()], [a, b]) == {}


def test_split_vectors_reverses_the_order_of_the_jacobian() -> None:
    inputs = parameters()
    rows = jacobian(losses_of(*inputs), inputs)[0]
    expected = torch.autograd.grad(losses_of(*inputs)[0, 1], inputs)
    pieces = split_vectors(rows, [p.shape for p in inputs])
    for piece, gradient in zip(pieces, expected, strict=True):
        torch.testing.assert_close(piece[1], gradient)


@pytest.mark.parametrize("losses", [torch.ones(3), torch.ones(())])
def test_losses_of_another_shape_are_declined(losses: Tensor) -> None:
    with pytest.raises(ShapeError, match=r"pass losses \[K, m\], for example problem\.losses\(outputs, batch\)"):
        jacobian(losses, list(parameters()))
    with pytest.raises(ShapeError, match="0 parameters were given"):
        jacobian(torch.ones(1, 2), [])


# a guest solver that uses them


@pytest.fixture
def guest_registry(monkeypatch: pytest.MonkeyPatch) -> Registry:
    registry = Registry.discover()
    registry.add(Plugin("surgery", "guest-surgery", "1.0", module="surgery"), surgery)
    monkeypatch.setattr(mobench.plugins, "_of_process", [registry])
    return registry


def cases() -> list[Case]:
    registry = Registry.discover()
    registry.add(Plugin("surgery", "guest-surgery", "1.0", module="surgery"), surgery)
    return cases_of(registry.get("solver", "own-mgda"))


@pytest.mark.parametrize("case", cases(), ids=str)
def test_a_guest_solver_with_a_step_of_its_own_conforms(case: Case, guest_registry: Registry) -> None:
    result = case.run()
    assert result.state != "failed", result.message


def test_the_step_of_the_guest_equals_that_of_the_built_in_method(guest_registry: Registry) -> None:
    """Two steps of MGDA by SGD, with the heads of LeNet apart."""
    budget = Budget(steps=2, batch_size=8)
    jobs = [
        resolve("multimnist", "lenet", "own-mgda", {**SMALL, "lr": 0.1}, budget),
        resolve("multimnist", "lenet", "mgda", {**SMALL, "lr": 0.1, "optimiser": "sgd"}, budget),
    ]
    weights = []
    for job in jobs:
        problem, solver = Problem(MultiMnist(**SMALL), LeNet()), make_solver(job.solver)
        torch.manual_seed(1)
        solver.start(problem, Setting(finite_rays(2), Seeds(), 2, 2))
        for step in range(2):
            solver.step(batch_of(problem, step))
        network = solver.pareto_set
        assert isinstance(network, torch.nn.Module)
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters() if p.requires_grad]))
    torch.testing.assert_close(weights[0], weights[1], rtol=1e-5, atol=1e-7)
    assert len(weights[0]) == Problem(MultiMnist(**SMALL), LeNet()).n_target_parameters
