"""The COSMOS balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from annotated_types import Ge
from torch import Tensor

from mobench.interfaces import Balancer
from mobench.options import option

SHORTEST = 1e-12
"""Loss vectors up to this length have no direction."""


@dataclass(eq=False)
class Cosmos(Balancer):
    """The gradient of Σ r_i L_i − λ cos(ray, L) in L (arXiv 2103.13336, equation 5): α = r − λ ∂cos/∂L.

    In the paper the cosine pulls L towards r itself, so that a larger r_i asks for a larger L_i,
    while the sum asks for a smaller one. Here a larger r_i asks for a smaller loss in both: the ray
    is the unit vector along 1/r. `align="ray"` is the paper's. Weights may be negative.
    """

    penalty: Annotated[float, Ge(0)] = option(2.0, "λ: how strongly losses are pulled towards the ray")
    align: Literal["inverse", "ray"] = option("inverse", "the ray: 1/r, or r as the paper has it")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m]; see the base class."""
        r, values = preferences.double(), losses.double()
        ray = r if self.align == "ray" else 1 / r.clamp_min(1e-12)
        ray = ray / ray.norm(dim=1, keepdim=True)
        length = values.norm(dim=1, keepdim=True).clamp_min(SHORTEST)
        unit = values / length
        cosine = (unit * ray).sum(1, keepdim=True)
        # at losses of 0 the cosine has no gradient: the weighted sum alone
        pull = torch.where(length > SHORTEST, (ray - cosine * unit) / length, 0.0)
        return (r - self.penalty * pull).to(losses.dtype)
