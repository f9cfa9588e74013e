"""The random loss weighting balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext, seeded


@dataclass(eq=False)
class RandomWeighting(Balancer):
    """Weights α = softmax of m standard normal numbers, drawn again at every step (arXiv 2111.10603, section 3)."""

    needs_preference: ClassVar[bool] = False

    def start(self, context: BalancerContext) -> None:
        self._generator = seeded(context.seed)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] on the simplex."""
        drawn = torch.randn(losses.shape, generator=self._generator, dtype=torch.float64)
        return torch.softmax(drawn, dim=1).to(losses, non_blocking=True)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
