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
    """The gradient of Σ q_i L_i − λ cos(ray, L) in L (arXiv 2103.13336, equation 5): α = q − λ ∂cos/∂L.

    In the paper q and the ray are one vector, the preference: the cosine pulls L towards it, so that a larger
    q_i asks for a larger L_i, and the sum holds against that, which keeps the front from being pulled
    to its far ends. With the λ of its images the cosine decides. `align` says where that vector is to be found in r:

    "both":    q and the ray are 1/r, scaled to the simplex. The paper's method, and a larger r_i asks for a
               smaller loss, as everywhere here.
    "ray":     q and the ray are r. The paper's method as written: a larger r_i asks for a larger loss.
    "inverse": q is r and the ray is 1/r. Both terms ask for a smaller loss where r_i is larger; with a small λ
               the only one that does.

    Weights may be negative.
    """

    penalty: Annotated[float, Ge(0)] = option(2.0, "λ: how strongly losses are pulled towards the ray")
    align: Literal["both", "ray", "inverse"] = option(
        "both", "sum and cosine: of 1/r, of r as the paper has it, or the sum of r and the cosine of 1/r"
    )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m]; see the base class."""
        r, values = preferences.double(), losses.double()
        inverse = 1 / r.clamp_min(1e-12)
        ray = r if self.align == "ray" else inverse / inverse.sum(1, keepdim=True)
        weights = ray if self.align == "both" else r
        ray = ray / ray.norm(dim=1, keepdim=True)
        length = values.norm(dim=1, keepdim=True).clamp_min(SHORTEST)
        unit = values / length
        cosine = (unit * ray).sum(1, keepdim=True)
        # at losses of 0 the cosine has no gradient: the weighted sum alone
        pull = torch.where(length > SHORTEST, (ray - cosine * unit) / length, 0.0)
        return (weights - self.penalty * pull).to(losses.dtype)
