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
    """The gradient of Σ q_i L_i − λ cos(ray, L) with respect to L (arXiv 2103.13392, equation 5): α = q − λ ∂cos/∂L.

    In the paper q and the ray are the same vector, the preference. The cosine pulls L towards it, so a larger q_i
    asks for a larger L_i. The sum counteracts this and keeps the solutions from being pulled to the ends of the
    front. With the λ that the paper uses on images, the cosine dominates. `align` selects how q and the ray are
    computed from r:

    "both":    q and the ray are 1/r, scaled to the simplex. This is the paper's method, but a larger r_i asks for
               a smaller loss, as everywhere in mobench.
    "ray":     q and the ray are r. The paper's method as written: a larger r_i asks for a larger loss.
    "inverse": q is r and the ray is 1/r. Both terms ask for a smaller loss where r_i is larger. With a small λ
               this is the only choice for which this holds.

    Weights may be negative.
    """

    penalty: Annotated[float, Ge(0)] = option(2.0, "λ: how strongly losses are pulled towards the ray")
    align: Literal["both", "ray", "inverse"] = option(
        "both", "sum and cosine: of 1/r, of r as the paper has it, or the sum of r and the cosine of 1/r"
    )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m]; see the base class."""
        r, values = preferences.double(), losses.double()
        inverse = 1 / r.clamp_min(1e-12)
        ray = r if self.align == "ray" else inverse / inverse.sum(1, keepdim=True)
        weights = ray if self.align == "both" else r
        ray = ray / ray.norm(dim=1, keepdim=True)
        length = values.norm(dim=1, keepdim=True).clamp_min(SHORTEST)
        unit = values / length
        cosine = (unit * ray).sum(1, keepdim=True)
        # at losses of 0 the cosine has no gradient, so only the weighted sum remains
        pull = torch.where(length > SHORTEST, (ray - cosine * unit) / length, 0.0)
        return (weights - self.penalty * pull).to(losses.dtype)
