"""Steps of gradient surgery on a network with a shared trunk, against TorchJD's multi-task backward pass."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torchjd.aggregation import IMTLG as TheirIMTLG
from torchjd.aggregation import MGDA, Aggregator
from torchjd.aggregation import CAGrad as TheirCAGrad
from torchjd.aggregation import PCGrad as TheirPCGrad
from torchjd.aggregation import UPGrad as TheirUPGrad
from torchjd.autojac import jac_to_grad, mtl_backward
from torchjd.linalg import QuadprogProjector

from mobench.interfaces import Balancer, Problem, Samples, Seeds, Setting, TaskGradient
from mobench.learning.gradient_solver import GradientOptions, GradientSolver
from mobench.learning.preferences import finite_rays
from mobench.testing.small import batch_of
from mobench_cagrad.cagrad import CAGrad
from mobench_imtl_g.imtl import IMTLG
from mobench_linear.stack import Stack
from mobench_mgda.min_norm import MinNorm
from mobench_multimnist.dataset import MultiMnist
from mobench_nash_mtl.nash import NashMTL
from mobench_networks.lenet import LeNet
from mobench_pcgrad.pcgrad import PCGrad
from mobench_upgrad.upgrad import UPGrad

LR = 0.1


class TheirNash(Aggregator):
    """The bargaining solution of two gradients, α_i ‖g_i‖ = 1 / √(1 + cos), scaled as in the balancer.

    TorchJD's own aggregator needs a solver that is no longer maintained, and stops at a residual of 1e-3.
    """

    def forward(self, matrix: Tensor, /) -> Tensor:
        lengths = matrix.norm(dim=1)
        cosine = matrix[0] @ matrix[1] / lengths.prod()
        return lengths.square().mean().sqrt() / (lengths * (1 + cosine).sqrt()) @ matrix


def problem_of() -> tuple[Problem, Samples]:
    torch.manual_seed(0)
    problem = Problem(MultiMnist(source="embedded", pairs=100, test_pairs=5), LeNet(), dtype=torch.float64)
    return problem, batch_of(problem, 0)


def our_step(balancer: Balancer, seed: int) -> tuple[dict[str, Tensor], nn.Module, Problem, Samples]:
    """Return the parameters after one SGD step from the weights of a target network, and that network."""
    problem, batch = problem_of()
    solver = GradientSolver(Stack(), balancer, GradientOptions(optimiser="sgd", lr=LR))
    torch.manual_seed(seed)
    solver.start(problem, Setting(finite_rays(2), Seeds(), 1, 10))
    network: Any = solver.network
    target = copy.deepcopy(problem.target)
    with torch.no_grad():
        for name, stacked in zip(problem.shapes, network.stacked, strict=True):
            target.get_parameter(name).copy_(stacked[0])
    problem.train(True)
    solver.step(batch)
    after = {name: stacked[0].detach() for name, stacked in zip(problem.shapes, network.stacked, strict=True)}
    return after, target, problem, batch


def their_step(
    target: nn.Module, problem: Problem, batch: Samples, aggregator: Aggregator, own_gradient: TaskGradient
) -> dict[str, Tensor]:
    """Return the parameters of `target` after one SGD step with TorchJD's gradients."""
    heads: Any = target.heads
    features: list[Tensor] = []
    hook = heads.register_forward_pre_hook(lambda module, args: features.append(args[0]))
    target.train()
    losses = [column[0] for column in problem.each_loss([target(batch.inputs)], batch)]
    hook.remove()
    shared = [p for name, p in target.named_parameters() if not name.startswith("heads")]
    mtl_backward(losses, features=features[0])
    jacobian = torch.cat([p.jac.flatten(1) for p in shared], dim=1)
    jac_to_grad(shared, aggregator)
    if own_gradient == "weighted":
        direction = aggregator(jacobian)
        weights = torch.linalg.lstsq(jacobian.T, direction[:, None]).solution[:, 0]
        for i, head in enumerate(heads.layers.values()):
            for p in head.parameters():
                p.grad *= weights[i]
    with torch.no_grad():
        return {name: p - LR * p.grad for name, p in target.named_parameters()}


@dataclass(eq=False)
class PlainNash(NashMTL):
    """Nash-MTL as in `mtl_backward`: each head takes the gradient of its own loss."""

    task_gradients: ClassVar[TaskGradient] = "plain"


CASES: list[tuple[Balancer, Any]] = [
    (MinNorm(), lambda: MGDA(epsilon=1e-12, max_iters=10_000)),
    (PCGrad(), TheirPCGrad),
    (CAGrad(c=0.4), lambda: TheirCAGrad(c=0.4, norm_eps=1e-12)),
    (IMTLG(), TheirIMTLG),
    (UPGrad(), lambda: TheirUPGrad(projector=QuadprogProjector(norm_eps=0.0, reg_eps=0.0))),
    (NashMTL(), TheirNash),
    (PlainNash(), TheirNash),
]


@pytest.mark.parametrize("seed", [1, 7])
@pytest.mark.parametrize(("balancer", "aggregator"), CASES, ids=[type(balancer).__name__ for balancer, _ in CASES])
def test_a_step_on_lenet_is_that_of_mtl_backward(balancer: Balancer, aggregator: Any, seed: int) -> None:
    """Seed 1 has shared gradients with a positive inner product, seed 7 has conflicting ones."""
    actual, target, problem, batch = our_step(balancer, seed)
    before = {name: p.detach().clone() for name, p in target.named_parameters()}
    expected = their_step(target, problem, batch, aggregator(), balancer.task_gradients)
    assert actual.keys() == expected.keys()
    for name in actual:
        assert not torch.equal(actual[name], before[name]), f"{name} was not trained"
        torch.testing.assert_close(actual[name], expected[name], atol=1e-5 * LR, rtol=1e-5)
    assert (cosine_of_shared_gradients(target, problem, batch) < 0) == (seed == 7)


def cosine_of_shared_gradients(target: nn.Module, problem: Problem, batch: Samples) -> float:
    shared = [p for name, p in target.named_parameters() if not name.startswith("heads")]
    losses = problem.losses([target(batch.inputs)], batch)[0]
    left_gradient, right_gradient = (
        torch.cat([g.flatten() for g in torch.autograd.grad(v, shared, retain_graph=True)]) for v in losses
    )
    return float(torch.cosine_similarity(left_gradient, right_gradient, dim=0))
