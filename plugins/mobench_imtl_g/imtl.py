"""The IMTL-G balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mobench.interfaces import Balancer

TINY = torch.finfo(torch.float64).tiny
RANK = 1e-10
"""Eigenvalues of the cosine matrix below this, relative to the largest, count as 0."""
CANCELLED = 1e-6
"""Weights whose sum is below this share of what it is made of cannot be normalised."""
MARGIN = 16
"""Both limits are at least this many times the rounding of the Gram matrix."""


@dataclass(eq=False)
class IMTLG(Balancer):
    """Equal projections ∇L_i · d / ‖∇L_i‖ for all i, with Σ α_i = 1 (Liu et al. 2021, equation 4).

    In Gram space C α ∝ n, n the lengths, so α ∝ C⁺ n; weights may be negative. Linearly dependent
    gradients take the pseudo-inverse. Where the weights cancel out they are uniform. A vanishing
    gradient gets weight 0.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m]; rows sum to 1."""
        assert gram is not None
        return imtl_weights(gram).to(losses.dtype)


def imtl_weights(gram: Tensor) -> Tensor:
    """Weights [K, m] in float64 for Gram matrices [K, m, m]."""
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    there = norms > 0
    inverse = torch.where(there, 1 / norms.clamp_min(TINY), 0.0)
    cosines = c * inverse[:, :, None] * inverse[:, None, :]
    eigenvalues, basis = torch.linalg.eigh(cosines)
    noise = MARGIN * (-eigenvalues[:, :1]).clamp_min(c.shape[1] * torch.finfo(gram.dtype).eps)
    kept = eigenvalues > noise.clamp_min(RANK) * eigenvalues[:, -1:]
    inverted = torch.where(kept, 1 / torch.where(kept, eigenvalues, 1.0), 0.0)
    pseudo = (basis * inverted[:, None, :]) @ basis.transpose(1, 2)
    # scale-free: only ratios of lengths matter
    shares = inverse * norms.amax(1, keepdim=True)
    alpha = (pseudo @ there.double()[:, :, None])[:, :, 0] * shares
    size = ((pseudo.abs() @ there.double()[:, :, None])[:, :, 0] * shares).sum(1, keepdim=True)
    total = alpha.sum(1, keepdim=True)
    usable = total.abs() > noise.clamp_min(CANCELLED) * size
    return torch.where(usable, alpha / torch.where(usable, total, 1.0), 1 / c.shape[1])
