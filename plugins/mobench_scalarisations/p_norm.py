"""The p-norm balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option


@dataclass(eq=False)
class PNorm(Balancer):
    """The gradient of (Σ_i (r_i (L_i − z_i))^p)^(1/p), the weighted distance from the ideal point z.

    z is that of the dataset's protocol. p = 1 is the weighted sum; for p towards infinity the norm becomes the
    maximum. A loss below the ideal point has distance 0: for p > 1 its weight is 0.
    """

    p: Annotated[float, Ge(1)] = option(2.0, "exponent p: 1 is the weighted sum, towards infinity Tchebycheff")

    def start(self, context: BalancerContext) -> None:
        self.ideal = context.ideal

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m]; see the base class."""
        r = preferences.double()
        distances = (r * (losses - self.ideal).double()).clamp_min(0)
        largest = distances.amax(1, keepdim=True)
        # relative to the largest distance, no power overflows
        relative = distances / torch.where(largest > 0, largest, 1.0)
        norms = (relative**self.p).sum(1, keepdim=True) ** (1 / self.p)
        weights: Tensor = r * (relative / torch.where(norms > 0, norms, 1.0)) ** (self.p - 1)
        return weights.to(losses)
