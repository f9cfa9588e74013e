"""Deep ensembles: members against separate networks, and averages of probabilities and of outputs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mobench.errors import IncompatibleError, PreferenceError
from mobench.interfaces import Dataset, Model, Problem, Seeds, Setting
from mobench.jobs import resolve
from mobench.jobs.job import Budget
from mobench.learning.preferences import finite_rays
from mobench.runs.execution import execute
from mobench_mlp.mlp import Mlp
from mobench_multimnist.dataset import MultiMnist
from mobench_networks.lenet import LeNet
from mobench_regression.mulan import Enb
from mobench_roles.ensemble import DeepEnsemble


def trained(dataset: Dataset, model: Model, n_steps: int = 3, members: int = 3) -> tuple[DeepEnsemble, Problem]:
    problem = Problem(dataset, model, dtype=torch.float64)
    solver = DeepEnsemble(members=members, lr=0.01)
    torch.manual_seed(0)
    solver.start(problem, Setting(finite_rays(2, 3), Seeds(), 10, n_steps))
    for _ in range(n_steps):
        solver.step(problem.prepare(problem.dataset.load("train").take(slice(0, 20))))
    return solver, problem


def outputs_of_members(solver: DeepEnsemble, problem: Problem, ray: int, inputs: Tensor, head: str) -> Tensor:
    """Outputs [E, B, width] of the members of a ray, each computed by a network of its own."""
    names = list(problem.shapes)
    outputs = []
    for member in range(3 * ray, 3 * ray + 3):
        net = problem.build_target()
        stacked = zip(names, solver.network.stacked, strict=True)
        net.load_state_dict({name: tensor[member] for name, tensor in stacked})
        outputs.append(net(inputs)[head])
    return torch.stack(outputs)


@pytest.mark.slow
def test_class_probabilities_are_averaged() -> None:
    solver, problem = trained(MultiMnist(source="embedded", pairs=60, test_pairs=10), LeNet())
    inputs = problem.prepare(problem.dataset.load("test")).inputs
    assert isinstance(inputs, Tensor)
    for k, ray in enumerate(finite_rays(2, 3).double()):
        for head, output in solver.pareto_set.serve(ray)(inputs).items():
            expected = outputs_of_members(solver, problem, k, inputs, head).softmax(2).mean(0)
            torch.testing.assert_close(output.exp(), expected)


def test_outputs_of_regression_are_averaged() -> None:
    solver, problem = trained(Enb(), Mlp(widths=(4,)))
    inputs = problem.prepare(problem.dataset.load("test")).inputs
    assert isinstance(inputs, Tensor)
    for k, ray in enumerate(finite_rays(2, 3).double()):
        for head, output in solver.pareto_set.serve(ray)(inputs).items():
            torch.testing.assert_close(output, outputs_of_members(solver, problem, k, inputs, head).mean(0))


def test_an_ensemble_has_a_smaller_loss_than_its_members_have_on_average() -> None:
    """A squared error is convex: the loss of the mean is at most the mean of the losses."""
    solver, problem = trained(Enb(), Mlp(widths=(4,)), n_steps=20)
    batch = problem.prepare(problem.dataset.load("test"))
    losses = problem.losses(solver.pareto_set(batch.inputs, solver.rays), batch)
    of_members = problem.losses(solver.network(batch.inputs, solver.network.rays), batch)
    assert bool((losses < of_members.reshape(3, 3, 2).mean(1)).all())


def test_members_of_one_ray_are_different_networks_and_all_are_stored() -> None:
    solver, problem = trained(Enb(), Mlp(widths=(4,)))
    assert solver.pareto_set.n_stored_parameters == 9 * problem.n_target_parameters
    first = solver.network.stacked[0]
    assert not torch.equal(first[0], first[1])
    with pytest.raises(PreferenceError, match="no ensemble was trained for preference"):
        solver.pareto_set.serve(torch.tensor([0.123, 0.877], dtype=torch.float64))


def test_a_single_member_is_linear_scalarisation() -> None:
    settings, budget = {"widths": [4], "solver.lr": 0.01}, Budget(steps=10, batch_size=64)
    ensemble, single = (
        execute(resolve.resolve("enb", "mlp", name, {**settings, **more}, budget))
        for name, more in (("ensemble", {"members": 1}), ("ls", {}))
    )
    assert ensemble.status == "completed", ensemble.failure
    for first, second in zip(ensemble.fronts["test"].losses, single.fronts["test"].losses, strict=True):
        assert first == pytest.approx(second, rel=1e-5)


def test_mixed_losses_are_declined() -> None:
    with pytest.raises(IncompatibleError, match="choose objectives of one kind"):
        resolve.resolve("adult", "mlp", "ensemble", {}, Budget(steps=1))
