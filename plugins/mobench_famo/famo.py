"""The FAMO balancer."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mobench.interfaces import Balancer, BalancerContext
from mobench.numerics import Adam
from mobench.options import option

SMALLEST = 1e-8
"""Added to the distances of the losses from their lower bounds, as in the authors' code."""


@dataclass(eq=False)
class FAMO(Balancer):
    """Fast adaptive multitask optimisation (arXiv 2306.03792, algorithm 1).

    With z = softmax(w) and D_i = L_i − b_i, the weights are α_i = c z_i / D_i with Σ α_i = 1. They are the gradient
    of c Σ z_i log D_i. After the step, the logits w take an Adam step along the gradient of Σ z_i δ_i, where
    δ_i = log D_i(before) − log D_i(after) on the same batch. Losses that improve slowly thereby get larger weights.

    The lower bounds b are the ideal point of the dataset's protocol; the authors' code uses 0 by default. Distances
    below 0 count as 0. The weights multiply the losses, so task-specific parameters take their weighted gradient.
    """

    needs_preference: ClassVar[bool] = False
    needs_losses_after: ClassVar[bool] = True

    rate: Annotated[float, Gt(0)] = option(0.025, "learning rate of the logits")
    decay: Annotated[float, Ge(0)] = option(1e-3, "weight decay of the logits, the paper's γ")

    def start(self, context: BalancerContext) -> None:
        shape, device = (context.n_preferences, context.n_objectives), context.ideal.device
        self.logits = nn.Parameter(torch.zeros(shape, dtype=torch.float64, device=device))
        self.optimiser = Adam([self.logits], lr=self.rate, weight_decay=self.decay, fused=False)
        self.bounds = context.ideal.double()

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]; rows sum to 1."""
        alpha = torch.softmax(self.logits.detach(), dim=1) / self._distances(losses)
        return (alpha / alpha.sum(1, keepdim=True)).to(losses)

    def after_step(self, losses: Tensor, preferences: Tensor, losses_after: Tensor) -> None:
        """Take one step of the logits; see the base class."""
        improvements = self._distances(losses).log() - self._distances(losses_after).log()
        z = torch.softmax(self.logits.detach(), dim=1)
        self.logits.grad = z * (improvements - (z * improvements).sum(1, keepdim=True))
        self.optimiser.step()

    def state_dict(self) -> dict[str, Any]:
        return {"logits": self.logits.detach().clone(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            self.logits.copy_(state["logits"])
        # pass a copy, because torch keeps references to the step counters
        self.optimiser.load_state_dict(deepcopy(state["optimiser"]))

    def _distances(self, losses: Tensor) -> Tensor:
        """Return L − b [K, m] in float64, at least SMALLEST."""
        return (losses.detach().double() - self.bounds).clamp_min(0) + SMALLEST
