"""The UPGrad balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, OwnGradient
from mobench.numerics import nnls
from mobench.options import option


@dataclass(eq=False)
class UPGrad(Balancer):
    """The mean of the gradients' projections onto their dual cone (arXiv 2406.16232, definition 2).

    The dual cone contains the directions that conflict with no gradient. The projections and their
    mean are in the cone, so no loss rises, to first order. Without conflict, the direction is the
    mean gradient.

    Conditioning: any ratio of lengths. At an angle ε to a linear dependence of the gradients, all cosines between
    direction and gradients are non-negative up to about 1e-13/ε: 1e-7 at ε = 1e-6. Weights of nearly dependent
    gradients are large and cancel, so they stay in float64.

    The gradients are those of the shared parameters. Task-specific parameters take the gradient of their own loss, as
    in `mtl_backward` of TorchJD, the library of its authors.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    own_parameters: ClassVar[OwnGradient] = "plain"

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP, added=True, earlier="all")

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, each at least 1/m."""
        assert gram is not None
        return upgrad_weights(gram)


def upgrad_weights(gram: Tensor) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m]."""
    return projections(gram).mean(1)


def projections(gram: Tensor) -> Tensor:
    """Return [K, m, m] in float64, where row i has the weights of gradient i's projection onto the dual cone.

    The projection is g_i + Σ x_j g_j with x ≥ 0 and minimal length. This is one non-negative least
    squares problem for each of the K × m gradients, all solved in one batch.
    """
    c = gram.double()
    k, m, _ = c.shape
    problems = c[:, None].expand(k, m, m, m).reshape(k * m, m, m)
    added = nnls(problems, -c.reshape(k * m, m)).reshape(k, m, m)
    return torch.eye(m, dtype=c.dtype, device=c.device) + added
