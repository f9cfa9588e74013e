"""The InvAgg balancer: the inverse of a weighted product of distances to the reference point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Gt, Le
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option


@dataclass(eq=False)
class InvertedProduct(Balancer):
    """The gradient of log(1 / Π_i (z_i − L_i)^r_i) = −Σ_i r_i log(z_i − L_i) (LibMOON, arXiv 2409.02969).

    z is the reference point of the dataset's protocol. The logarithm has the minimisers of the inverse itself, and
    its gradient stays short near z. Training often starts above z, where the logarithm is not defined. Where z_i − L_i
    is less than the share `margin` of the distance between reference and ideal point, the logarithm is continued by
    its tangent, so the weight stays at its value there.
    """

    margin: Annotated[float, Gt(0), Le(1)] = option(
        0.05, "share of the distance between reference and ideal point below which the weight is constant"
    )

    def start(self, context: BalancerContext) -> None:
        self.reference = context.reference
        self.smallest_distance = (self.margin * (context.reference - context.ideal)).double()

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m]; see the base class."""
        distances = (self.reference - losses).double()
        weights = preferences.double() / torch.maximum(distances, self.smallest_distance)
        return weights.to(losses)
