"""The AASF balancer: the augmented achievement scalarising function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.options import option


@dataclass(eq=False)
class AugmentedAchievement(Balancer):
    """A subgradient of max_i r_i (L_i − z_i) + ρ Σ_i r_i (L_i − z_i) (Miettinen 1998, section 3.5).

    z is the ideal point of the dataset's protocol. The sum makes every minimiser Pareto-optimal, where minimisers of
    the maximum alone may be weakly Pareto-optimal only. Objectives that tie for the maximum share its weight equally.
    """

    rho: Annotated[float, Ge(0)] = option(0.1, "factor ρ of the weighted sum: 0 is Tchebycheff")

    def start(self, context: BalancerContext) -> None:
        self.ideal = context.ideal

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m]; see the base class."""
        weighted = preferences * (losses - self.ideal)
        is_worst = (weighted >= weighted.amax(1, keepdim=True)).to(losses.dtype)
        return preferences * (is_worst / is_worst.sum(1, keepdim=True) + self.rho)
