"""The dynamic weight average balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option

SMALLEST_LOSS = 1e-12
FASTEST = 1e12
"""Bound on the absolute value of rates; the softmax of larger rates would not differ."""


@dataclass(eq=False)
class DWA(Balancer):
    """Weights α_i = m softmax_i(w/T), w_i = L_i(t − 1)/L_i(t − 2), mean losses of epochs (arXiv 1803.10704, eq. 7).

    In the first two epochs all weights are 1. A loss that was not positive has no rate; 1 is used instead.
    """

    needs_preference: ClassVar[bool] = False

    temperature: Annotated[float, Gt(0)] = option(2.0, "T: the larger, the more even the weights")

    def start(self, context: BalancerContext) -> None:
        self.steps_per_epoch = context.steps_per_epoch
        self.n_steps = 0
        shape = (context.n_preferences, context.n_objectives)
        self.sums, self.last, self.before = (
            torch.zeros(shape, dtype=torch.float64, device=context.ideal.device) for _ in range(3)
        )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]; rows sum to m."""
        epoch, position = divmod(self.n_steps, self.steps_per_epoch)
        if position == 0 and epoch > 0:
            self.before, self.last, self.sums = self.last, self.sums / self.steps_per_epoch, torch.zeros_like(self.sums)
        self.sums = self.sums + losses.detach().double()
        self.n_steps += 1
        if epoch < 2:
            return torch.ones_like(losses)
        rates = torch.where(self.before > SMALLEST_LOSS, self.last / self.before.clamp_min(SMALLEST_LOSS), 1.0)
        rates = rates.clamp(-FASTEST, FASTEST)
        return (losses.shape[1] * torch.softmax(rates / self.temperature, dim=1)).to(losses)

    def state_dict(self) -> dict[str, Any]:
        return {"n_steps": self.n_steps, "sums": self.sums, "last": self.last, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_steps = state["n_steps"]
        self.sums, self.last, self.before = (state[name].to(self.sums) for name in ("sums", "last", "before"))
