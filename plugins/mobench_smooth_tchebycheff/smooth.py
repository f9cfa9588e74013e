"""The smooth Tchebycheff balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option


@dataclass(eq=False)
class SmoothTchebycheff(Balancer):
    """The gradient of μ log Σ exp(r_i (L_i − z_i)/μ) (arXiv 2402.19078, equation 9), normalised.

    α_i ∝ r_i softmax_i(r (L − z)/μ), divided by the sum over i. The weights then lie on the simplex,
    and the learning rate has the same meaning for every preference. The minimiser of each ray does
    not change, because all weights of a ray are divided by the same positive number.
    """

    mu: Annotated[float, Gt(0)] = option(0.1, "smoothness μ: towards 0 Tchebycheff, towards infinity the weighted sum")

    def start(self, context: BalancerContext) -> None:
        self.ideal = context.ideal

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] on the simplex; see the base class."""
        soft = torch.softmax((preferences * (losses - self.ideal)).double() / self.mu, dim=1)
        alpha = preferences.double() * soft
        return (alpha / alpha.sum(1, keepdim=True)).to(losses.dtype)
