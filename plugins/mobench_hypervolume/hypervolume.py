"""The hypervolume balancer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.metrics.indicators import hypervolume, non_dominated
from mobench.options import option

SHORTEST = 1e-12
"""Loss vectors up to this length have no direction."""


@dataclass(eq=False)
class Hypervolume(Balancer):
    """Weights α = −∂HV/∂L − λ ∂cos(L, p)/∂L over K preferences jointly (arXiv 2212.01130, equation 9).

    HV is the hypervolume of the K loss vectors (arXiv 2102.04523). Dominated points do not contribute
    to it and would never move, so each non-dominated layer has its own hypervolume. A point takes
    its preference as weights as long as it is not below the reference point.

    The cosine keeps each loss vector near the direction p of its preference, the unit vector along
    1/r. Weights may be negative.
    """

    couples_preferences: ClassVar[bool] = True

    penalty: Annotated[float, Ge(0)] = option(5.0, "λ of the cosine; the paper's images take 4 or 5")
    normalise: bool = option(True, "scale each preference's hypervolume gradient to length 1")

    def start(self, context: BalancerContext) -> None:
        self.reference = context.reference.double().cpu().numpy()

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m]; see the base class."""
        points, r = losses.double().cpu(), preferences.double().cpu()
        weights = torch.from_numpy(layered_gradient(points.numpy(), self.reference))
        outside = (points.numpy() >= self.reference).any(1)
        weights[torch.from_numpy(outside)] = r[torch.from_numpy(outside)]
        if self.normalise:
            weights = weights / weights.norm(dim=1, keepdim=True).clamp_min(1e-30)
        return (weights - self.penalty * cosine_gradient(points, r)).to(losses)


def layered_gradient(points: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return −∂HV/∂points [K, m], computed separately for each non-dominated layer of the points."""
    gradient = np.zeros_like(points)
    for layer in layers(points):
        gradient[layer] = hypervolume_gradient(points[layer], reference)
    return gradient


def layers(points: NDArray[np.float64]) -> Iterator[NDArray[np.intp]]:
    """Yield the indices of the non-dominated points, then of those non-dominated among the rest, and so on."""
    rest = np.arange(len(points))
    while len(rest):
        first = non_dominated(points[rest])
        yield rest[first]
        rest = rest[~first]


def hypervolume_gradient(points: NDArray[np.float64], reference: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return −∂HV/∂points [K, m] of mutually non-dominated points.

    Lowering point k in objective i adds the part of its face that no other point covers. Its size is
    the difference of two hypervolumes in the other objectives: of the points that are lower in i,
    with and without point k. Where other points equal k in objective i, the hypervolume has a kink,
    and the result is the one-sided derivative for lowering k. The gradient is zero for points that
    are not below the reference.

    The difference is exact to 1e-16 of the larger of the two hypervolumes.
    """
    gradient = np.zeros_like(points)
    if points.shape[1] == 1:  # the face of an interval is a point
        return (points < reference).astype(np.float64)
    inside = np.flatnonzero((points < reference).all(1))
    for k in inside:
        others = inside[inside != k]
        for i in range(points.shape[1]):
            columns = np.arange(points.shape[1]) != i
            lower = others[points[others, i] < points[k, i]]
            without = hypervolume(points[lower][:, columns], reference[columns], exact=True)
            volume = hypervolume(points[np.append(lower, k)][:, columns], reference[columns], exact=True)
            gradient[k, i] = volume - without
    return gradient


def cosine_gradient(losses: Tensor, preferences: Tensor) -> Tensor:
    """Return ∂cos(L, p)/∂L [K, m] with p the unit vector along 1/r; 0 where all losses are 0."""
    inverse = 1 / preferences.clamp_min(1e-12)
    p = inverse / inverse.norm(dim=1, keepdim=True)
    length = losses.norm(dim=1, keepdim=True).clamp_min(SHORTEST)
    unit = losses / length
    gradient = (p - (unit * p).sum(1, keepdim=True) * unit) / length
    return torch.where(length > SHORTEST, gradient, 0.0)
