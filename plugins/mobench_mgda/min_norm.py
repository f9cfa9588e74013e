"""The min-norm balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, OwnGradient
from mobench.numerics import min_norm
from mobench.options import option

TINY = 1e-30


@dataclass(eq=False)
class MinNorm(Balancer):
    """Weights α = argmin over the simplex of ‖Σ α_i ∇L_i‖² (arXiv 1810.04650, equation 3).

    The direction descends every loss, or it is zero and the weights are Pareto stationary. The method
    does not use preferences, so it yields one point of the front.

    With `normalise`, the program uses ∇L_i / s_i, where s_i is the size that the option names. The paper
    does not normalise gradients; its code does. `weighted` selects what the program's weights α multiply:

    "normalised": the normalised gradients. The direction is Σ α_i ∇L_i / s_i, which descends every loss. The
                  weights of the losses are α_i / s_i, scaled to sum to 1.
    "raw":        the original losses, Σ α_i ∇L_i, as in the paper's code. The direction may raise a loss. If
                  the program has several solutions, the direction depends on which of them is found.

    `scope` selects the gradients of the program. "shared": those of the shared parameters; task-specific parameters
    take the gradient of their own loss (algorithm 2 of the paper; `mtl_backward` of TorchJD, LibMTL). The paper's code
    multiplies the losses by α, which scales task-specific gradients as well. "representation": those of the shared
    representation (MGDA-UB, section 3.3 of the paper), with m backward passes through the heads only and one through
    the trunk. "all": those of all trained parameters.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    own_parameters: ClassVar[OwnGradient] = "plain"

    normalise: Literal["none", "l2", "loss"] = option(
        "none", "gradients as they are, divided by their length, or by their loss"
    )
    weighted: Literal["normalised", "raw"] = option(
        "normalised", "what the weights multiply: gradients as normalised, or, as in the paper's code, raw", added=True
    )
    scope: Literal["shared", "all", "representation"] = option(
        "shared", f"{SCOPE_HELP}; or the shared representation (MGDA-UB)", added=True, earlier="all"
    )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m] in float64 that sum to 1; see the base class."""
        assert gram is not None
        size = self._size(losses, gram)
        alpha = min_norm(gram / size[:, :, None] / size[:, None, :])
        if self.weighted == "normalised":
            # the same direction, expressed as weights of the original gradients
            alpha = alpha / size
        return alpha / alpha.sum(1, keepdim=True)

    def _size(self, losses: Tensor, gram: Tensor) -> Tensor:
        """Return the divisor of each gradient, [K, m]; 1 where it would be 0."""
        if self.normalise == "none":
            return torch.ones_like(gram[:, 0])
        size = losses.abs().to(gram) if self.normalise == "loss" else gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
        return torch.where(size > TINY, size, 1.0)
