"""The ConFIG balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, TaskGradient
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
RANK = 1e-10
"""Eigenvalues of the cosine matrix below this share of the largest count as 0."""


@dataclass(eq=False)
class ConFIG(Balancer):
    """The direction with the same positive cosine to every gradient (arXiv 2408.11104, equation 2).

    u = U⁺1 / ‖U⁺1‖, where the rows of U are the unit gradients, and d = (Σ ∇L_i · u) u. Linearly independent gradients
    do not conflict with d. For dependent ones the pseudo-inverse gives the least-squares solution, which may conflict;
    for two opposite gradients it is 0. A vanishing gradient gets weight 0.

    The weights of the direction and its length are the defaults of the authors' code (`EqualWeight`,
    `ProjectionLength`); its variant with momentum (M-ConFIG), which evaluates one loss per step, is not here. The
    gradients are those of the shared parameters; task-specific parameters take the gradient of their own loss, as in
    `mtl_backward` of TorchJD. The paper trains networks whose parameters are all shared.

    Conditioning: any ratio of lengths. Unit gradients whose cosine matrix has an eigenvalue below 1e-10 of the largest
    count as linearly dependent.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, which may be negative."""
        assert gram is not None
        return config_weights(gram)


def config_weights(gram: Tensor) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m]."""
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    exists = (norms > 0).double()
    inverse = exists / norms.clamp_min(TINY)
    cosines = c * inverse[:, :, None] * inverse[:, None, :]
    eigenvalues, basis = torch.linalg.eigh(cosines)
    is_kept = eigenvalues > RANK * eigenvalues[:, -1:].clamp_min(TINY)
    shares = (basis.transpose(1, 2) @ exists[:, :, None])[:, :, 0]
    coefficients = torch.where(is_kept, shares / eigenvalues.clamp_min(TINY), 0.0)
    beta = (basis @ coefficients[:, :, None])[:, :, 0]
    # of U⁺1: its squared length, and its products with the unit gradients
    squared_length = (coefficients * shares).sum(1, keepdim=True)
    products = (basis @ (coefficients * eigenvalues)[:, :, None])[:, :, 0]
    length = (norms * products).sum(1, keepdim=True)
    is_zero = squared_length <= RANK
    return torch.where(is_zero, 0.0, length / torch.where(is_zero, 1.0, squared_length) * beta * inverse)
