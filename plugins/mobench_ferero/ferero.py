"""The FERERO balancer."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, ClassVar

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from mobench.interfaces import Balancer
from mobench.numerics import TINY, Array
from mobench.options import option

RIDGE = 1e-12
"""Added to the constraints' Gram matrix, relative to its trace, where gradients are dependent."""


@dataclass(eq=False)
class FERERO(Balancer):
    """Weights of FERERO's subprogram for the constraint that the losses lie on a ray (arXiv 2412.01773).

    H(L) = B L = 0, where the rows of B are orthonormal and orthogonal to p, the unit vector along 1/r. The direction d
    is the shortest one, up to a common bound on the changes of all losses, for which H falls at the rate `pull`:
    min_{d, c} c + ½‖d‖² with ∇L_i · d ≤ c and ∇H d = −pull · H. Its dual is
    min ½‖∇L (λ + Bᵀ ν)‖² − pull · νᵀ H over λ on the simplex and any ν; the weights are λ + Bᵀ ν.

    There is one program for every state: descent and correction are not separate phases. Weights may be negative.
    """

    needs_gram: ClassVar[bool] = True

    pull: Annotated[float, Gt(0)] = option(0.5, "rate at which the distance from the ray falls")
    normalise: bool = option(True, "divide the weights by the sum of their absolute values, as the authors' code does")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64; see the base class."""
        assert gram is not None
        l, r, c = (t.detach().double().cpu().numpy() for t in (losses, preferences, gram))  # noqa: E741 - the paper's L
        alpha = ferero_weights(l, r, c, self.pull)
        if self.normalise:
            alpha = alpha / np.maximum(np.abs(alpha).sum(1, keepdims=True), TINY)
        return torch.from_numpy(alpha).to(losses.device)


def ferero_weights(losses: Array, preferences: Array, gram: Array, pull: float) -> Array:
    """Return λ + Bᵀ ν [K, m], the exact solution of the dual program.

    For a given λ, ν = (B C Bᵀ)⁻¹ (pull · H − B C λ). What remains is ½ s (pᵀλ)² + qᵀλ on the simplex, because the
    Schur complement of B C Bᵀ in the Gram matrix C has rank one. Its minimum is on an edge of the simplex, so the
    edges are compared.
    """
    m = losses.shape[1]
    if m == 1:
        return np.ones_like(losses)
    basis = rays_complement(preferences)
    constrained = basis @ gram @ basis.transpose(0, 2, 1)
    trace = np.trace(constrained, axis1=1, axis2=2)
    constrained = constrained + (RIDGE * trace + TINY)[:, None, None] * np.eye(m - 1)
    mixed = basis @ gram
    h = pull * (basis @ losses[:, :, None])
    at_mixed, at_h = np.linalg.solve(constrained, mixed), np.linalg.solve(constrained, h)
    quadratic = gram - mixed.transpose(0, 2, 1) @ at_mixed
    linear = (mixed.transpose(0, 2, 1) @ at_h)[:, :, 0]
    multipliers = _on_edges(quadratic, linear)
    nu = at_h - at_mixed @ multipliers[:, :, None]
    return np.asarray(multipliers + (basis.transpose(0, 2, 1) @ nu)[:, :, 0])


def rays_complement(preferences: Array) -> Array:
    """Return B [K, m − 1, m]: orthonormal rows, orthogonal to 1/r."""
    inverse = 1 / np.maximum(preferences, 1e-12)
    p = inverse / np.linalg.norm(inverse, axis=1, keepdims=True)
    return np.linalg.svd(p[:, None])[2][:, 1:]


def _on_edges(quadratic: Array, linear: Array) -> Array:
    """Return the best point [K, m] of ½ λᵀ Q λ + qᵀ λ on the edges of the simplex."""
    k, m = linear.shape
    best, value = np.zeros((k, m)), np.full(k, np.inf)
    for i, j in combinations(range(m), 2):
        # λ = e_j + t (e_i − e_j)
        curvature = quadratic[:, i, i] - 2 * quadratic[:, i, j] + quadratic[:, j, j]
        slope = quadratic[:, i, j] - quadratic[:, j, j] + linear[:, i] - linear[:, j]
        inside = np.clip(-slope / np.maximum(curvature, TINY), 0, 1)
        t = np.where(curvature > TINY, inside, (slope < 0).astype(np.float64))
        values = 0.5 * curvature * t**2 + slope * t + 0.5 * quadratic[:, j, j] + linear[:, j]
        better = values < value
        value = np.where(better, values, value)
        point = np.zeros((k, m))
        point[:, i], point[:, j] = t, 1 - t
        best = np.where(better[:, None], point, best)
    return best
