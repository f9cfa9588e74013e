"""The IMTL-G balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, OwnGradient
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
RANK = 1e-10
"""Eigenvalues below this share of the largest count as nearly 0."""
MARGIN = 16
"""Smallest eigenvalue that is not a rounding error, in multiples of m times the rounding of the Gram matrix."""
OUTSIDE = 1e-8
"""A vector whose share in the directions of eigenvalues near 0 is smaller than this lies in the range of the matrix."""
CANCELLED = 1e-6
"""Weights whose sum is below this share of the sum of their terms' absolute values cannot be normalised."""


@dataclass(eq=False)
class IMTLG(Balancer):
    """Equal projections of d = Σ α_i ∇L_i on all unit gradients u_i, with Σ α_i = 1 (Liu et al. 2021, equation 4).

    The weights are the least-squares solution of {(u_0 − u_i) · d = 0, Σ α_i = 1} with the last equation exact.
    They may be negative. For two objectives, α = (‖∇L_2‖, ‖∇L_1‖) / (‖∇L_1‖ + ‖∇L_2‖) at any angle.
    At a Pareto stationary point whose gradients have rank m − 1, the direction is 0.
    A vanishing gradient has no direction: its weight is 0, and the others are those of the problem without it.

    Conditioning: any ratio of lengths. Unit gradients whose cosine matrix has an eigenvalue below 1e-10 of the
    largest count as linearly dependent if all projections then remain equal to 1e-8.

    The gradients are those of the shared parameters; task-specific parameters take the gradient of their own loss
    (algorithm 1 of the paper; LibMTL; `mtl_backward` of TorchJD).
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    own_parameters: ClassVar[OwnGradient] = "plain"

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP, added=True, earlier="all")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64; rows sum to 1."""
        assert gram is not None
        return imtl_weights(gram)


def imtl_weights(gram: Tensor) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m].

    With β_i = α_i ‖∇L_i‖ and the cosine matrix C of the gradients, the projections are Cβ. They are equal if
    Cβ = t 1. If 1 is in the range of C, β is C⁺1. Otherwise t is 0 and β is in the null space of C. Both are
    the limit of (C + ε)⁻¹1, ε → 0, up to a factor that is determined by Σ β_i / ‖∇L_i‖ = 1.

    This sum can be 0. Then β minimises the differences among the projections, ‖PCβ‖² with P = I − 11ᵀ/m, under
    Σ β_i / ‖∇L_i‖ = 1, which is the same limit for the matrix CPC.
    """
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    exists = (norms > 0).double()
    inverse = exists / norms.clamp_min(TINY)
    cosines = c * inverse[:, :, None] * inverse[:, None, :]
    rounding = MARGIN * c.shape[1] * torch.finfo(gram.dtype).eps
    # the result depends only on ratios of lengths
    per_weight = inverse * norms.amax(1, keepdim=True)
    beta, size = _regularised_limit(cosines, exists, rounding)
    total = (beta * per_weight).sum(1, keepdim=True)
    is_cancelled = total.abs() <= CANCELLED * (size * per_weight).sum(1, keepdim=True)
    if bool(is_cancelled.any()):
        mean = (exists[:, None] @ cosines) / exists.sum(1)[:, None, None].clamp_min(1)
        differences = cosines - exists[:, :, None] * mean
        least, _ = _regularised_limit(differences.transpose(1, 2) @ differences, per_weight, rounding)
        beta = torch.where(is_cancelled, least, beta)
        total = (beta * per_weight).sum(1, keepdim=True)
    alpha = beta * per_weight
    return torch.where(total != 0, alpha / torch.where(total != 0, total, 1.0), 1 / c.shape[1])


def _regularised_limit(matrix: Tensor, target: Tensor, rounding: float) -> tuple[Tensor, Tensor]:
    """Return the limit of (M + ε)⁻¹ b for ε → 0 up to a factor, and the sizes of its terms.

    The limit is M⁺ b if b is in the range of M, otherwise the part of b in the null space of M.

    matrix: M [K, m, m], symmetric positive semidefinite; target: b [K, m].
    Returns: the vector [K, m], and the sum [K, m] of the absolute values of the terms of each entry.
    """
    eigenvalues, basis = torch.linalg.eigh(matrix)
    shares = (basis.transpose(1, 2) @ target[:, :, None])[:, :, 0]
    largest = eigenvalues[:, -1:].clamp_min(TINY)
    is_small = eigenvalues <= RANK * largest
    outside = (shares * is_small).norm(dim=1, keepdim=True) > OUTSIDE * target.norm(dim=1, keepdim=True)
    divisors = eigenvalues.maximum(rounding * largest)
    coefficients = torch.where(is_small & ~outside, 0.0, shares / divisors)
    # scale the largest coefficient to 1, so that no length overflows
    coefficients = coefficients / coefficients.abs().amax(1, keepdim=True).clamp_min(TINY)
    terms = basis * coefficients[:, None, :]
    return terms.sum(2), terms.abs().sum(2)
