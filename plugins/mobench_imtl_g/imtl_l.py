"""The balancers IMTL-L and IMTL, which learn a scale of every loss."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext
from mobench.numerics import Adam
from mobench.options import option
from mobench_imtl_g.imtl import imtl_weights

LARGEST = 20.0
"""Bound on the absolute value of s; without it, the scale of a loss of 0 or below would diverge."""


@dataclass(eq=False)
class IMTLL(Balancer):
    """Scales exp(s_i) that bring all losses to the same size (Liu et al. 2021, loss balance).

    s is learned on Σ exp(s_i) L_i − s_i, so exp(s_i) L_i tends to 1. It starts at 0. At each call it takes a step of
    Adam after the weights are computed; in the paper it is trained by the optimiser of the network. The weights
    multiply the losses, so task-specific parameters take their scaled gradient, as in the paper.
    """

    needs_preference: ClassVar[bool] = False

    rate: Annotated[float, Gt(0)] = option(1e-3, "learning rate of s")

    def start(self, context: BalancerContext) -> None:
        shape, device = (context.n_preferences, context.n_objectives), context.ideal.device
        self.log_scales = nn.Parameter(torch.zeros(shape, dtype=torch.float64, device=device))
        self.optimiser = Adam([self.log_scales], lr=self.rate, fused=False)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]."""
        return self._scales(losses).to(losses)

    def _scales(self, losses: Tensor) -> Tensor:
        """Return exp(s) [K, m] in float64, and take one step of s."""
        scales = torch.exp(self.log_scales.detach())
        self.log_scales.grad = scales * losses.detach().double() - 1
        self.optimiser.step()
        with torch.no_grad():
            self.log_scales.clamp_(-LARGEST, LARGEST)
        return scales

    def state_dict(self) -> dict[str, Any]:
        return {"log_scales": self.log_scales.detach().clone(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            self.log_scales.copy_(state["log_scales"])
        # pass a copy, because torch keeps references to the step counters
        self.optimiser.load_state_dict(deepcopy(state["optimiser"]))


@dataclass(eq=False)
class IMTL(IMTLL):
    """IMTL-G of the losses that IMTL-L scales (Liu et al. 2021, algorithm 1).

    With the scaled losses exp(s_i) L_i − s_i and the weights α of IMTL-G of their gradients, the shared parameters
    descend Σ α_i exp(s_i) ∇L_i. Task-specific parameters take the gradient of their own scaled loss, exp(s_i) ∇L_i, as
    in the paper and LibMTL. The scales do not change the line of IMTL-G's direction, but its length and the learning of
    task-specific parameters.
    """

    needs_gram: ClassVar[bool] = True

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        super().start(context)
        self.scales = torch.exp(self.log_scales.detach())

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, which may be negative."""
        assert gram is not None
        self.scales = self._scales(losses)
        scaled_gram = gram.double() * self.scales[:, :, None] * self.scales[:, None, :]
        return self.scales * imtl_weights(scaled_gram)

    def task_weights(self, weights: Tensor | None) -> Tensor | None:
        """Return the scales [K, m] of this step."""
        return self.scales
