"""The CAGrad balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Interval
from torch import Tensor

from mobench.interfaces import Balancer
from mobench.learning.min_norm import min_norm
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
ROUNDS = 60
CLOSE = 1e-12
SHORTEST = 1e-5
"""Of g_w, relative to the longest gradient; its square is far enough above float64's rounding."""


@dataclass(eq=False)
class CAGrad(Balancer):
    """Conflict-averse gradient descent (arXiv 2110.14048, algorithm 1).

    max over d of min_i ∇L_i · d with ‖d − g₀‖ ≤ c ‖g₀‖, g₀ the mean gradient; its dual is
    min over the simplex of g_w · g₀ + c ‖g₀‖ ‖g_w‖, and d = g₀ + c ‖g₀‖ g_w / ‖g_w‖.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False

    c: Annotated[float, Interval(ge=0, lt=1)] = option(0.4, "radius around the mean gradient, relative to its length")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m], non-negative; they sum to 1 plus the length of the correction."""
        assert gram is not None
        return cagrad_weights(gram, self.c).to(losses.dtype)


def cagrad_weights(gram: Tensor, radius: float) -> Tensor:
    """Weights [K, m] in float64 for Gram matrices [K, m, m]."""
    c = gram.double()
    c = c / c.diagonal(dim1=1, dim2=2).amax(1).clamp_min(TINY)[:, None, None]
    reach = radius * c.mean((1, 2)).clamp_min(0).sqrt()
    w, length = dual_weights(c, reach)
    return 1 / c.shape[1] + (reach / length)[:, None] * w


def dual_weights(c: Tensor, reach: Tensor) -> tuple[Tensor, Tensor]:
    """argmin over the simplex of wᵀC1/m + reach √(wᵀCw), and its length √(wᵀCw), for K problems at once.

    For a given length t, reach ‖g_w‖ ≤ reach (‖g_w‖²/t + t)/2 with equality at ‖g_w‖ = t, and the
    bound is least at the min-norm point of the vectors reach g_i + t g₀. What is left is the number
    t at which that point's g_w has the length t: bisection, sped up by the secant (Illinois).

    Where the best g_w vanishes (at Pareto stationary points, or where a gradient does) t stops at
    SHORTEST, and g_w/t is a subgradient of the length there, so that the direction still is one
    that hurts the worst loss least.
    """

    def point(t: Tensor) -> tuple[Tensor, Tensor]:
        cross = (reach * t)[:, None] * c.mean(2)
        moved = reach.square()[:, None, None] * c + cross[:, :, None] + cross[:, None, :]
        w = min_norm(moved + (t.square() * c.mean((1, 2)))[:, None, None])
        return w, torch.einsum("ki,kij,kj->k", w, c, w).clamp_min(0).sqrt() - t

    low, high = torch.full_like(reach, SHORTEST), torch.ones_like(reach)
    w_low, at_low = point(low)
    w, at_high = point(high)
    at_once = at_low <= 0
    high, w = torch.where(at_once, low, high), torch.where(at_once[:, None], w_low, w)
    side = torch.zeros_like(reach)
    for _ in range(ROUNDS):
        t = torch.where(at_once, high, (low * at_high - high * at_low) / (at_high - at_low).clamp(max=-TINY))
        tried, value = point(t)
        above = (value > 0) & ~at_once
        # Illinois: an end that stays twice loses half its weight
        at_high = torch.where(above & (side > 0), at_high / 2, at_high)
        at_low = torch.where(~above & (side < 0), at_low / 2, at_low)
        low, at_low = torch.where(above, t, low), torch.where(above, value, at_low)
        high, at_high = torch.where(above, high, t), torch.where(above, at_high, value)
        w = torch.where(above[:, None], w, tried)
        side = torch.where(above, 1.0, -1.0)
        if bool((at_once | (value.abs() <= CLOSE)).all()):
            w, high = torch.where(above[:, None], tried, w), torch.where(above, t, high)
            break
    return w, high
