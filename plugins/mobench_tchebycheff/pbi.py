"""The PBI balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option

SMALLEST_PREFERENCE = 1e-6
ON_THE_RAY = 1e-12
"""Distance from the ray, relative to the size of the losses, below which the penalty has no gradient."""


@dataclass(eq=False)
class PBI(Balancer):
    """The gradient of d₁ + θ d₂: penalty-based boundary intersection (Zhang & Li 2007, MOEA/D, section II-C).

    d₁ is the length of the projection of L − z on the ray of the preference, d₂ the distance from the ray, and z the
    ideal point of the dataset's protocol. The ray has the direction (1/r_1, …, 1/r_m), so a larger preference asks for
    a smaller loss, as for all balancers; the paper's direction is r. The weights may be negative: a loss below the
    ray is raised.
    """

    theta: Annotated[float, Ge(0)] = option(5.0, "penalty θ of the distance from the ray")

    def start(self, context: BalancerContext) -> None:
        self.ideal = context.ideal

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m], which may be negative; see the base class."""
        ray = preferences.double().clamp_min(SMALLEST_PREFERENCE).reciprocal()
        ray = ray / ray.norm(dim=1, keepdim=True)
        distances = (losses - self.ideal).double()
        off_ray = distances - (distances * ray).sum(1, keepdim=True) * ray
        d2 = off_ray.norm(dim=1, keepdim=True)
        has_slope = d2 > ON_THE_RAY * distances.norm(dim=1, keepdim=True)
        slope: Tensor = torch.where(has_slope, off_ray / torch.where(has_slope, d2, 1.0), 0.0)
        weights: Tensor = ray + self.theta * slope
        return weights.to(losses)
