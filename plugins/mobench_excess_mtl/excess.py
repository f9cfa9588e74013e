"""The ExcessMTL balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, BalancerContext, DirectionBalancer
from mobench.options import option

SMALLEST = 1e-7
"""Added to the sums of squared gradients, as in the authors' code."""
TINY = torch.finfo(torch.float64).tiny


@dataclass(eq=False)
class ExcessMTL(DirectionBalancer):
    """More weight to the objectives that are furthest from their optimum (arXiv 2402.02009).

    The excess risk of objective i is estimated by E_i = Σ_c g_ic² / √(Σ_t g_ic(t)² + 1e-7), a Taylor expansion with the
    diagonal Hessian of AdaGrad (equations 6 and 7), and divided by its value in the first step. In each further step
    w_i ← w_i exp(η E_i / E_i(0)), scaled to sum to m (equation 9), from w_i = 1.

    As in the authors' code, the estimate uses the gradients of the shared parameters, and the weights multiply the
    losses, so task-specific parameters take their weighted gradient. The paper's weights sum to 1. The paper averages
    the first value over three epochs; its code takes the first step. The sums of squares need as much memory as the
    gradients of all objectives.
    """

    needs_preference: ClassVar[bool] = False

    rate: Annotated[float, Gt(0)] = option(1e-2, "step size η of the weights")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        shape = (context.n_preferences, context.n_objectives)
        self.log_weights = torch.zeros(shape, dtype=torch.float64, device=context.ideal.device)
        self.initial: Tensor | None = None
        self.sums: Tensor | None = None

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n]; see the base class."""
        squares = gradients.square()
        self.sums = squares if self.sums is None else self.sums.to(squares) + squares
        excess = (squares / (self.sums + SMALLEST).sqrt()).sum(2).double()
        if self.initial is None:
            self.initial = excess
        else:
            relative = torch.where(excess > 0, excess / self.initial.to(excess).clamp_min(TINY), 0.0)
            # the softmax of larger exponents would not differ
            self.log_weights = torch.log_softmax(self.log_weights + (self.rate * relative).clamp(max=1e6), dim=1)
        return (self._weights().to(gradients)[:, None] @ gradients)[:, 0]

    def task_weights(self, weights: Tensor | None) -> Tensor | None:
        """Return the weights [K, m] of this step."""
        return self._weights()

    def _weights(self) -> Tensor:
        return self.log_weights.shape[1] * torch.softmax(self.log_weights, dim=1)

    def state_dict(self) -> dict[str, Any]:
        optional = {"initial": self.initial, "sums": self.sums}
        return {"log_weights": self.log_weights, **{n: t for n, t in optional.items() if t is not None}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.log_weights = state["log_weights"].to(self.log_weights)
        self.initial, self.sums = state.get("initial"), state.get("sums")
