"""The DualProj balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, TaskGradient
from mobench.numerics import nnls
from mobench.options import option


@dataclass(eq=False)
class DualProj(Balancer):
    """The projection of the mean gradient onto the dual cone of the gradients (arXiv 1706.08840, equation 11).

    The weights are argmin vᵀCv over v ≥ 1/m. The cone contains the directions that conflict with no gradient, so no
    loss rises, to first order. Without conflict, the direction is the mean gradient. UPGrad projects each gradient and
    returns the mean of the projections.

    The program is that of gradient episodic memory, which projects the gradient of one loss. TorchJD applies it to the
    mean, as here. Task-specific parameters take the gradient of their own loss, as in `mtl_backward` of TorchJD.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, each at least 1/m."""
        assert gram is not None
        return dualproj_weights(gram)


def dualproj_weights(gram: Tensor) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m]."""
    c = gram.double()
    mean = torch.full_like(c[:, 0], 1 / c.shape[1])
    return mean + nnls(c, -(c @ mean[:, :, None])[:, :, 0])
