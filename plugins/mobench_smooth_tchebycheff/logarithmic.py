"""The STCH-MTL balancer: the smooth maximum of log losses, without preferences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option

SMALLEST = 1e-8
"""Smaller losses count as this, so that the weights of losses near 0 and below stay finite."""


@dataclass(eq=False)
class LogarithmicTchebycheff(Balancer):
    """The gradient of m μ log Σ exp(log(L_i / z_i)/μ), one point without preferences (arXiv 2402.19078).

    This is the form of the authors' multi-task code: the logarithms are relative to mean losses z of one epoch instead
    of an ideal point. Up to the end of that epoch the weights are 1/L_i, those of Σ log L_i. Afterwards they are
    m softmax_i(log(L/z)/μ) / L_i. They multiply the losses, so task-specific parameters take their weighted gradient.
    The losses must be positive.

    The authors train 4 epochs of 200 before the epoch in which z is measured; here the default is 0.
    """

    needs_preference: ClassVar[bool] = False

    mu: Annotated[float, Gt(0)] = option(1.0, "smoothness μ: towards 0 only the largest ratio to z counts")
    warm_up: Annotated[int, Ge(0)] = option(0, "epochs of training before the one in which z is measured")

    def start(self, context: BalancerContext) -> None:
        shape = (context.n_preferences, context.n_objectives)
        self.n_steps = 0
        self.steps_per_epoch = context.steps_per_epoch
        self.sums = torch.zeros(shape, dtype=torch.float64, device=context.ideal.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]."""
        epoch = self.n_steps // self.steps_per_epoch
        self.n_steps += 1
        positive = losses.detach().double().clamp_min(SMALLEST)
        if epoch > self.warm_up:
            logarithms = (positive * self.steps_per_epoch / self.sums).log()
            return (losses.shape[1] * torch.softmax(logarithms / self.mu, dim=1) / positive).to(losses)
        if epoch == self.warm_up:
            self.sums = self.sums + positive
        return positive.reciprocal().to(losses)

    def state_dict(self) -> dict[str, Any]:
        return {"n_steps": self.n_steps, "sums": self.sums}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_steps, self.sums = state["n_steps"], state["sums"].to(self.sums)
