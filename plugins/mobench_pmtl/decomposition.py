"""The decomposition balancer of Pareto MTL and of the controllable Pareto hypernetwork."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Ge
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.learning.min_norm import min_norm_arrays
from mobench.learning.simplex import Array
from mobench.options import option


@dataclass(eq=False)
class Decomposition(Balancer):
    """Constrained min-norm weights (arXiv 1912.12854, equations 7 to 12; arXiv 2010.06313, section 3.3).

    Unit vectors u^1 … u^K split the objective space into cells; p, the unit vector along 1/r,
    is where the losses should point. The cell of p is G_j = (u^j − p)ᵀ L ≤ 0 for all j.

    Outside the cell only the violated constraints are descended. Inside, the direction is the
    shortest convex combination of all ∇L_i and of ∇G_j for the constraints that are nearly
    violated. Both are min-norm points of B C Bᵀ, since ∇G_j = Σ_i (u^j_i − p_i) ∇L_i.
    Weights of losses may be negative.
    """

    needs_gram: ClassVar[bool] = True

    n_directions: Annotated[int, Ge(2)] = option(5, "number K of reference directions (m > 2: at least so many)")
    epsilon: Annotated[float, Ge(0)] = option(
        1e-3, "a constraint counts as nearly violated above −epsilon times the length of the losses"
    )

    def start(self, context: BalancerContext) -> None:
        self.directions = reference_directions(context.n_objectives, self.n_directions).to(context.reference.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m]; see the base class."""
        assert gram is not None
        return decomposition_weights(losses, preferences, gram, self.directions, self.epsilon).to(losses.dtype)


def decomposition_weights(
    losses: Tensor, preferences: Tensor, gram: Tensor, directions: Tensor, epsilon: float
) -> Tensor:
    """Weights [K, m] in float64 for losses [K, m], preferences [K, m], Gram matrices [K, m, m].

    directions: [J, m], unit vectors.
    """
    k, m = losses.shape
    l, r, c = (t.detach().double().cpu().numpy() for t in (losses, preferences, gram))  # noqa: E741 - the paper's L
    away = directions.cpu().numpy() - _loss_direction(r)[:, None]
    # a reference direction equal to p makes a constraint that is always 0 and asks nothing
    real = np.abs(away).max(2) > 1e-9
    unit = l / np.maximum(np.linalg.norm(l, axis=1, keepdims=True), 1e-30)
    values = (away @ unit[:, :, None])[:, :, 0]
    violated = real & (values > 0)
    outside = violated.any(1, keepdims=True)
    nearly = real & (values >= -epsilon)
    combined = np.concatenate([np.broadcast_to(np.eye(m), (k, m, m)), away], axis=1)
    active = np.concatenate([np.broadcast_to(~outside, (k, m)), (outside & violated) | (~outside & nearly)], axis=1)
    weights = min_norm_arrays(combined @ c @ combined.swapaxes(1, 2), active)
    return torch.from_numpy((weights[:, None] @ combined)[:, 0]).to(losses.device)


def loss_direction(preferences: Tensor) -> Tensor:
    """The unit vector [K, m] along 1/r: where losses point when r₁L₁ = … = r_mL_m."""
    return torch.from_numpy(_loss_direction(preferences.double().cpu().numpy())).to(preferences.device)


def _loss_direction(r: Array) -> Array:
    inverse = 1 / np.maximum(r, 1e-12)
    unit: Array = inverse / np.linalg.norm(inverse, axis=1, keepdims=True)
    return unit


def reference_directions(n_objectives: int, n_directions: int) -> Tensor:
    """Unit vectors [J, m] in the positive orthant: evenly spaced angles from axis to axis for m = 2,
    else Das-Dennis directions of the fewest partitions that give as many as asked for."""
    if n_objectives == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    if n_objectives == 2:
        angles = torch.linspace(0, math.pi / 2, n_directions, dtype=torch.float64)
        return torch.stack([angles.cos(), angles.sin()], dim=1)
    from pymoo.util.ref_dirs import get_reference_directions

    partitions = 1
    while math.comb(partitions + n_objectives - 1, n_objectives - 1) < n_directions:
        partitions += 1
    directions = torch.from_numpy(get_reference_directions("das-dennis", n_objectives, n_partitions=partitions))
    unit: Tensor = directions / directions.norm(dim=1, keepdim=True)
    return unit
