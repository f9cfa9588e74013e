"""The MoCo balancer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, BalancerContext, DirectionBalancer, TaskGradient
from mobench.options import option

SMALLEST = 1e-8
"""Added to the lengths of gradients before division, as in the authors' code."""


@dataclass(eq=False)
class MoCo(DirectionBalancer):
    """The min-norm program on averages of the gradients over steps, which correct its bias (arXiv 2210.12624).

    The gradients are tracked by y_i ← y_i − β t^(−b) (y_i − h_i) from y_i = 0, where t counts steps from 1. The weights
    take one step λ ← softmax(λ − γ t^(−c) (Y Yᵀ + ρ) λ) from 1/m, and the direction is Σ λ_i y_i.

    The form is that of LibMTL, which is based on code of the authors: h_i = L_i ∇L_i / ‖∇L_i‖ is tracked instead of
    ∇L_i, and a softmax stands for the projection onto the simplex of algorithm 1. Options and defaults are LibMTL's.
    Task-specific parameters take the gradient of their own loss, as there.
    """

    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    tracking_rate: Annotated[float, Interval(gt=0, le=1)] = option(0.5, "rate β of the averages")
    tracking_power: Annotated[float, Ge(0)] = option(0.5, "power b of the decay of β")
    weights_rate: Annotated[float, Gt(0)] = option(0.1, "rate γ of the weights")
    weights_power: Annotated[float, Ge(0)] = option(0.5, "power c of the decay of γ")
    rho: Annotated[float, Ge(0)] = option(0.0, "regularisation towards equal weights, ρ")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        shape = (context.n_preferences, context.n_objectives)
        self.n_steps = 0
        self.weights = torch.full(shape, 1 / context.n_objectives, dtype=torch.float64, device=context.ideal.device)
        self.averages: Tensor | None = None

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n]; see the base class."""
        self.n_steps += 1
        lengths: Tensor = gradients.norm(dim=2, keepdim=True)
        tracked = gradients / (lengths + SMALLEST) * losses.to(gradients)[:, :, None]
        averages = torch.zeros_like(tracked) if self.averages is None else self.averages.to(tracked)
        averages = averages - self.tracking_rate * math.pow(self.n_steps, -self.tracking_power) * (averages - tracked)
        gram = averages.double() @ averages.double().transpose(1, 2)
        slope = (gram @ self.weights[:, :, None])[:, :, 0] + self.rho * self.weights
        self.weights = torch.softmax(
            self.weights - self.weights_rate * math.pow(self.n_steps, -self.weights_power) * slope, dim=1
        )
        self.averages = averages
        return (self.weights.to(averages)[:, None] @ averages)[:, 0]

    def state_dict(self) -> dict[str, Any]:
        averages = {} if self.averages is None else {"averages": self.averages}
        return {"n_steps": self.n_steps, "weights": self.weights, **averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_steps, self.weights = state["n_steps"], state["weights"].to(self.weights)
        self.averages = state.get("averages")
