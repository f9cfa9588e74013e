"""The MOO-SVGD balancer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mobench.interfaces import DirectionBalancer, inner_products
from mobench.numerics import min_norm
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny


@dataclass(eq=False)
class MOOSVGD(DirectionBalancer):
    """Multi-objective Stein variational gradient descent of K points θ_i (Liu, Tong & Liu 2021, algorithm 1).

    d_i = 1/K Σ_j [k_ij g_j + ∂k_ij/∂θ_i], where g_j is the shortest convex combination of the gradients of point j,
    and k_ij = exp(−‖L_i − L_j‖² / h) compares losses. The first term descends all losses, the second one drives
    points with similar losses apart. h is `bandwidth` times the median of all squared distances divided by log K.

    The paper's first term moves point i by the descent directions of all points with similar losses (`descent =
    "kernel"`). The weights of independently initialised networks do not correspond to each other, so by default
    mobench departs from this and uses g_i alone (`descent = "own"`).
    """

    needs_preference: ClassVar[bool] = False
    couples_preferences: ClassVar[bool] = True
    learns_set: ClassVar[bool] = True

    descent: Literal["own", "kernel"] = option(
        "own", "a point descends along its own direction, or along those of all points weighted by the kernel"
    )
    repulsion: Annotated[float, Ge(0)] = option(0.1, "factor of the term that drives points apart")
    bandwidth: Annotated[float, Gt(0)] = option(0.1, "factor of the kernel's bandwidth")

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n]; see the base class."""
        alpha = min_norm(inner_products(gradients)).to(losses.device)
        kernel, slopes = kernel_of(losses, self.bandwidth)
        directions = _weighted(alpha + self.repulsion * slopes, gradients)
        if self.descent == "kernel":
            others = kernel - torch.eye(len(losses), dtype=kernel.dtype, device=kernel.device)
            directions = directions + others.to(gradients) @ _weighted(alpha, gradients)
        return directions / len(losses)


def _weighted(weights: Tensor, gradients: Tensor) -> Tensor:
    """Return Σ_m w_km g_km [K, n]."""
    return torch.einsum("km,kmn->kn", weights.to(gradients), gradients)


def kernel_of(losses: Tensor, bandwidth: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return the kernel k [K, K] of K points, and Σ_j ∂k_ij/∂L_i [K, m], both in float64.

    losses: [K, m]. The slopes are those of a fixed bandwidth, as in the authors' code.
    """
    exact = losses.double()
    differences = exact[:, None] - exact[None]
    squares = differences.square().sum(2)
    h = bandwidth * _median(squares) / math.log(max(2, len(losses)))
    h = torch.where(h > TINY, h, 1.0)
    kernel = torch.exp(-squares / h)
    return kernel, (-2 / h * kernel[:, :, None] * differences).sum(1)


def _median(values: Tensor) -> Tensor:
    """Return the median, for an even number the mean of the two middle values."""
    ordered = values.flatten().sort().values
    return (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
