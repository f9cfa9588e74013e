"""The balancers GLS and SI: the geometric mean of the losses, and the sum of their logarithms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from mobench.interfaces import Balancer

SMALLEST = 1e-8
"""Smaller losses count as this, so that the weights of losses near 0 and below stay finite."""


@dataclass(eq=False)
class GeometricMean(Balancer):
    """Weights of the gradient of the geometric mean (Π L_i)^(1/m): the geometric loss strategy (arXiv 1904.08492).

    α_i = (Π L_j)^(1/m) / (m L_i). The gradient has the direction of that of Σ log L_i, and the length decreases with
    the losses. The weights multiply the losses, so task-specific parameters take their weighted gradient. The losses
    must be positive.
    """

    needs_preference: ClassVar[bool] = False

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]."""
        positive = losses.double().clamp_min(SMALLEST)
        return (positive.log().mean(1, keepdim=True).exp() / positive / losses.shape[1]).to(losses)


@dataclass(eq=False)
class SumOfLogs(Balancer):
    """Weights 1/L_i of the gradient of Σ log L_i: scale-invariant scalarisation, a baseline of arXiv 2202.01017.

    Multiplying a loss by a constant changes nothing. The weights multiply the losses, so task-specific parameters take
    their weighted gradient. The losses must be positive.
    """

    needs_preference: ClassVar[bool] = False

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]."""
        return losses.double().clamp_min(SMALLEST).reciprocal().to(losses)
