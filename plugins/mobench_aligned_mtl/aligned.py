"""The Aligned-MTL balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, TaskGradient
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
ROUNDING = torch.finfo(torch.float32).eps
"""Eigenvalues below m times this share of the largest count as 0, as in the authors' code with single precision."""


@dataclass(eq=False)
class AlignedMTL(Balancer):
    """Gradients with equal singular values: independent component alignment (arXiv 2305.19000, algorithm 1).

    With the Gram matrix C = V Λ Vᵀ, the aligned gradients are the columns of G B, where G holds the gradients and
    B = σ V Λ^(−1/2) Vᵀ. They are the nearest matrix to G, up to its length, whose singular values are all equal to σ.
    The direction is their sum, so the weights are α = B 1. σ² is the smallest, median or mean eigenvalue (`scale`),
    where eigenvalues that count as 0 are left out.

    The gradients are those of the shared parameters, or of the shared representation (Aligned-MTL-UB). Task-specific
    parameters take the gradient of their own loss, which is the default of the authors' code. TorchJD returns the mean
    of the aligned gradients.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    scale: Literal["min", "median", "rmse"] = option(
        "min", "the common singular value: the smallest, the median, or the root mean square"
    )
    scope: Literal["shared", "all", "representation"] = option(
        "shared", f"{SCOPE_HELP}; or the shared representation (Aligned-MTL-UB)"
    )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, which may be negative."""
        assert gram is not None
        return aligned_weights(gram, self.scale)


def aligned_weights(gram: Tensor, scale: Literal["min", "median", "rmse"]) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m]; 1 if all gradients vanish."""
    c = gram.double()
    size = c.diagonal(dim1=1, dim2=2).amax(1).clamp_min(TINY)
    eigenvalues, basis = torch.linalg.eigh(c / size[:, None, None])
    exists = eigenvalues > c.shape[1] * ROUNDING * eigenvalues[:, -1:]
    n_kept = exists.sum(1, keepdim=True)
    if scale == "min":
        chosen = torch.where(exists, eigenvalues, torch.inf).amin(1, keepdim=True)
    elif scale == "median":  # the lower of two middle values, as torch.median
        position = c.shape[1] - n_kept + (n_kept - 1).clamp_min(0) // 2
        chosen = eigenvalues.gather(1, position.clamp(max=c.shape[1] - 1))
    else:
        chosen = torch.where(exists, eigenvalues, 0.0).sum(1, keepdim=True) / n_kept.clamp_min(1)
    factors = torch.where(exists, (chosen / eigenvalues.clamp_min(TINY)).sqrt(), 0.0)
    weights = (basis * factors[:, None, :] * basis.sum(1, keepdim=True)).sum(2)
    return torch.where(n_kept > 0, weights, 1.0)
