"""The Tchebycheff balancer."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext


@dataclass(eq=False)
class Tchebycheff(Balancer):
    """A subgradient of max_i r_i (L_i − z_i), where z is the ideal point of the dataset's protocol.

    α_i = r_i at the worst objective and 0 elsewhere. Objectives that tie for the worst share the weight
    equally, so that the order of the objectives does not matter.
    """

    def start(self, context: BalancerContext) -> None:
        self.ideal = context.ideal

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m]; see the base class."""
        weighted = preferences * (losses - self.ideal)
        worst = (weighted >= weighted.amax(1, keepdim=True)).to(losses.dtype)
        return preferences * worst / worst.sum(1, keepdim=True)
