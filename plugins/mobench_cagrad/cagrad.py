"""The CAGrad balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, OwnGradient
from mobench.numerics import min_norm
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
ROUNDS = 60
CLOSE = 1e-12
BRACKET = 1e-5
"""Ratio of the ends of the first bracket of the length of g_w, and the factor by which the bracket moves down."""
RESOLVED = 1e-7
"""The shortest g_w, relative to its terms w_i ‖g_i‖, whose square is above float64's rounding of the terms' squares."""


@dataclass(eq=False)
class CAGrad(Balancer):
    """Conflict-averse gradient descent (arXiv 2110.14048, algorithm 1).

    The primal problem is max over d of min_i ∇L_i · d with ‖d − g₀‖ ≤ c ‖g₀‖, where g₀ is the mean gradient.
    Its dual is min over the simplex of g_w · g₀ + c ‖g₀‖ ‖g_w‖, and d = g₀ + c ‖g₀‖ g_w / ‖g_w‖.

    Conditioning: ‖d − g₀‖ = c ‖g₀‖ holds at any ratio of the longest gradient to the shortest. It holds to 1e-6
    where g_w is longer than 1e-5 of its terms w_i ‖g_i‖, and to a hundredth at 1e-7 of them. A shorter g_w counts as
    zero (a Pareto stationary point). The correction is then shorter than c ‖g₀‖.

    The gradients are those of the shared parameters. Task-specific parameters take the gradient of their own loss, as
    in LibMTL and in `mtl_backward` of TorchJD.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    own_parameters: ClassVar[OwnGradient] = "plain"

    c: Annotated[float, Interval(ge=0, lt=1)] = option(0.4, "radius around the mean gradient, relative to its length")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP, added=True, earlier="all")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m] in float64; they sum to 1 plus the length of the correction."""
        assert gram is not None
        return cagrad_weights(gram, self.c)


def cagrad_weights(gram: Tensor, radius: float) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m]."""
    c = gram.double()
    c = c / c.diagonal(dim1=1, dim2=2).amax(1).clamp_min(TINY)[:, None, None]
    reach = radius * c.mean((1, 2)).clamp_min(0).sqrt()
    w, length = dual_weights(c, reach)
    return 1 / c.shape[1] + (reach / length)[:, None] * w


def dual_weights(c: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """Return argmin over the simplex of wᵀC1/m + reach √(wᵀCw), and its length √(wᵀCw), for K problems.

    For a given length t, reach ‖g_w‖ ≤ reach (‖g_w‖²/t + t)/2 with equality at ‖g_w‖ = t, and the
    bound is minimal at the min-norm point of the vectors reach g_i + t g₀. It remains to find the t
    for which g_w of that point has length t. The Illinois method (bisection accelerated by the
    secant) finds it.

    Where the optimal g_w vanishes (at Pareto stationary points, or where a gradient vanishes), t stops at
    RESOLVED of its terms, and g_w/t is a subgradient of the length there. The direction is therefore
    still one that raises the worst loss least.
    """
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    shortest = torch.where(norms > 0, norms, torch.inf).amin(1).nan_to_num(posinf=1.0)

    def point(t: Tensor) -> tuple[Tensor, Tensor]:
        cross = (reach * t)[:, None] * c.mean(2)
        moved = reach.square()[:, None, None] * c + cross[:, :, None] + cross[:, None, :]
        w = min_norm(moved + (t.square() * c.mean((1, 2)))[:, None, None])
        length = torch.einsum("ki,kij,kj->k", w, c, w).clamp_min(0).sqrt()
        resolved = RESOLVED * (w * norms).sum(1).maximum(shortest)
        return w, length.maximum(resolved) - t

    low, high = torch.full_like(reach, BRACKET), torch.ones_like(reach)
    _, at_low = point(low)
    w, at_high = point(high)
    while bool((below := at_low <= 0).any()):  # ends at RESOLVED times the shortest gradient
        tried, value = point(low)
        high, at_high = torch.where(below, low, high), torch.where(below, value, at_high)
        w = torch.where(below[:, None], tried, w)
        low = torch.where(below, BRACKET * low, low)
        _, at_low = point(low)
    tolerance = CLOSE * high
    side = torch.zeros_like(reach)
    for _ in range(ROUNDS):
        t = (low * at_high - high * at_low) / (at_high - at_low).clamp(max=-TINY)
        tried, value = point(t)
        above = value > 0
        # Illinois method: halve the value at an end that was kept twice in a row
        at_high = torch.where(above & (side > 0), at_high / 2, at_high)
        at_low = torch.where(~above & (side < 0), at_low / 2, at_low)
        low, at_low = torch.where(above, t, low), torch.where(above, value, at_low)
        high, at_high = torch.where(above, high, t), torch.where(above, at_high, value)
        w = torch.where(above[:, None], w, tried)
        side = torch.where(above, 1.0, -1.0)
        if bool(((value.abs() <= tolerance) | (high - low <= CLOSE * high)).all()):
            w, high = torch.where(above[:, None], tried, w), torch.where(above, t, high)
            break
    return w, high
