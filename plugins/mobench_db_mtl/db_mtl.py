"""The DB-MTL balancer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, BalancerContext, DirectionBalancer
from mobench.options import option

SMALLEST = 1e-8
"""Added to losses and lengths before division, as in the authors' code."""


@dataclass(eq=False)
class DBMTL(DirectionBalancer):
    """Dual balancing: gradients of log losses, averaged over steps, brought to the longest length (arXiv 2308.12029).

    y_i ← ∇log L_i + β t^(−σ) (y_i − ∇log L_i) from y_i = 0, where t counts steps from 1. The direction is
    Σ (max_j ‖y_j‖ / ‖y_i‖) y_i, over the shared parameters. Task-specific parameters take the gradient of the logarithm
    of their own loss. Options and defaults are those of the authors' code in LibMTL. The losses must be positive; what
    is below 0 counts as 0.
    """

    needs_preference: ClassVar[bool] = False

    decay: Annotated[float, Interval(ge=0, lt=1)] = option(0.9, "β, the weight of the earlier average")
    decay_power: Annotated[float, Ge(0)] = option(0.0, "σ: β is divided by the number of the step to this power")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        self.n_steps = 0
        self.averages: Tensor | None = None
        self.factors: Tensor | None = None

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n]; see the base class."""
        self.n_steps += 1
        self.factors = (losses.clamp_min(0) + SMALLEST).reciprocal()
        of_logs = self.factors.to(gradients)[:, :, None] * gradients
        earlier = torch.zeros_like(of_logs) if self.averages is None else self.averages.to(of_logs)
        self.averages = of_logs + self.decay * math.pow(self.n_steps, -self.decay_power) * (earlier - of_logs)
        lengths: Tensor = self.averages.norm(dim=2)
        weights = lengths.amax(1, keepdim=True) / (lengths + SMALLEST)
        return (weights[:, None] @ self.averages)[:, 0]

    def task_weights(self, weights: Tensor | None) -> Tensor | None:
        """Return 1/L [K, m] of this step."""
        return self.factors

    def state_dict(self) -> dict[str, Any]:
        averages = {} if self.averages is None else {"averages": self.averages}
        return {"n_steps": self.n_steps, **averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_steps, self.averages = state["n_steps"], state.get("averages")
