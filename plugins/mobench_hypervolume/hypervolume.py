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

Array = NDArray[np.float64]
SHORTEST = 1e-12
"""Loss vectors up to this length have no direction."""


@dataclass(eq=False)
class Hypervolume(Balancer):
    """α = −∂HV/∂L − λ ∂cos(L, p)/∂L over K preferences at once (arXiv 2212.01130, equation 9).

    HV is the hypervolume of the K loss vectors (arXiv 2102.04523). Points that others dominate add
    nothing to it and would never move, so each non-dominated layer has a hypervolume of its own.
    A point that is not below the reference takes its preference as weights, until it is.

    The cosine keeps each loss vector near its preference's direction p, the unit vector along 1/r.
    Weights may be negative.
    """

    couples_preferences: ClassVar[bool] = True

    penalty: Annotated[float, Ge(0)] = option(5.0, "λ of the cosine; the paper's images take 4 or 5")
    normalise: bool = option(True, "scale each preference's hypervolume gradient to length 1")

    def start(self, context: BalancerContext) -> None:
        self.reference = context.reference.double().cpu().numpy()

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m]; see the base class."""
        points, r = losses.double().cpu(), preferences.double().cpu()
        weights = torch.from_numpy(layered_gradient(points.numpy(), self.reference))
        outside = (points.numpy() >= self.reference).any(1)
        weights[torch.from_numpy(outside)] = r[torch.from_numpy(outside)]
        if self.normalise:
            weights = weights / weights.norm(dim=1, keepdim=True).clamp_min(1e-30)
        return (weights - self.penalty * cosine_gradient(points, r)).to(losses)


def layered_gradient(points: Array, reference: Array) -> Array:
    """−∂HV/∂points [K, m], each non-dominated layer of the points by itself."""
    gradient = np.zeros_like(points)
    for layer in layers(points):
        gradient[layer] = hypervolume_gradient(points[layer], reference)
    return gradient


def layers(points: Array) -> Iterator[NDArray[np.intp]]:
    """Positions of the points that none dominates, then of those that none of the rest does, and so on."""
    rest = np.arange(len(points))
    while len(rest):
        first = non_dominated(points[rest])
        yield rest[first]
        rest = rest[~first]


def hypervolume_gradient(points: Array, reference: Array) -> Array:
    """−∂HV/∂points [K, m] of points of which none dominates another.

    Lowering point k in objective i adds the part of its face that no other point covers: a
    hypervolume of one objective less, of the points that are lower in i, with and without point k.
    Where other points are as high as k in i the hypervolume has a kink, and this is the derivative that
    lowering k gives. Zero for points not below the reference.

    A face is a difference of two hypervolumes, exact to 1e-16 of the larger of the two.
    """
    gradient = np.zeros_like(points)
    if points.shape[1] == 1:  # the face of an interval is a point
        return (points < reference).astype(np.float64)
    inside = np.flatnonzero((points < reference).all(1))
    for k in inside:
        others = inside[inside != k]
        for i in range(points.shape[1]):
            kept = np.arange(points.shape[1]) != i
            lower = others[points[others, i] < points[k, i]]
            without = hypervolume(points[lower][:, kept], reference[kept])
            whole = hypervolume(points[np.append(lower, k)][:, kept], reference[kept])
            gradient[k, i] = whole - without
    return gradient


def cosine_gradient(losses: Tensor, preferences: Tensor) -> Tensor:
    """∂cos(L, p)/∂L [K, m] with p the unit vector along 1/r; 0 where all losses are 0."""
    inverse = 1 / preferences.clamp_min(1e-12)
    p = inverse / inverse.norm(dim=1, keepdim=True)
    length = losses.norm(dim=1, keepdim=True).clamp_min(SHORTEST)
    unit = losses / length
    gradient = (p - (unit * p).sum(1, keepdim=True) * unit) / length
    return torch.where(length > SHORTEST, gradient, 0.0)
