"""A guest distribution with a solver that has a training step of its own, from the public gradients of mobench."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mobench import ParetoNetwork, Problem, Samples, Setting, Solver, Spec, hookimpl, option
from mobench.interfaces import Inputs, Outputs, inner_products
from mobench.numerics import jacobian, min_norm, split_vectors, task_specific


@hookimpl
def mobench_solvers() -> list[Spec]:
    return [
        Spec("own-mgda", "surgery:OwnMgda", "MGDA in a step of its own", "arXiv 1810.04650, algorithm 2", version="1")
    ]


class SingleNetwork(ParetoNetwork):
    """One network, which serves the centre of the simplex."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.problem = problem
        self.network = problem.new_target()

    @property
    def rays(self) -> Tensor:
        m = self.problem.n_objectives
        return torch.full((1, m), 1 / m, device=self.problem.device, dtype=self.problem.dtype)

    def forward(self, inputs: Inputs, preferences: Tensor) -> Sequence[Outputs]:
        return [self.problem.outputs_of_network(self.network, inputs)] * len(preferences)


@dataclass(eq=False)
class OwnMgda(Solver):
    """The min-norm point of the gradients of shared parameters; task-specific ones take the gradient of their loss."""

    lr: float = option(0.05, "learning rate of SGD")

    def start(self, problem: Problem, setting: Setting) -> None:
        self.problem = problem
        self.network = SingleNetwork(problem)
        self.parameters = [p for p in self.network.parameters() if p.requires_grad]
        self.optimiser = torch.optim.SGD(self.parameters, lr=self.lr)

    def step(self, batch: Samples) -> Tensor:
        self.optimiser.zero_grad()
        outputs = self.problem.outputs_by_task(lambda inputs: self.network(inputs, self.network.rays), batch.inputs)
        columns = self.problem.each_loss(outputs, batch)
        losses = torch.stack(columns, dim=1)
        objective_of = task_specific(columns, self.parameters)
        shared = [p for i, p in enumerate(self.parameters) if i not in objective_of]
        if shared:
            gradients = jacobian(losses, shared)
            alpha = min_norm(inner_products(gradients))
            direction = (alpha[:, None] @ gradients.double())[:, 0].to(gradients.dtype)
            pieces = split_vectors(direction, [p.shape for p in shared])
            for parameter, piece in zip(shared, pieces, strict=True):
                parameter.grad = piece[0]
        for i, column in enumerate(columns):
            specific = [self.parameters[index] for index, objective in objective_of.items() if objective == i]
            if specific:
                column.sum().backward(inputs=specific, retain_graph=True)
        self.optimiser.step()
        return losses.detach()

    @property
    def pareto_set(self) -> SingleNetwork:
        return self.network

    def state_dict(self) -> dict[str, Any]:
        return {"network": self.network.state_dict(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimiser.load_state_dict(deepcopy(state["optimiser"]))
