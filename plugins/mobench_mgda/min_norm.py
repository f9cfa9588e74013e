"""The min-norm balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import Balancer
from mobench.learning.min_norm import min_norm
from mobench.options import option

TINY = 1e-30


@dataclass(eq=False)
class MinNorm(Balancer):
    """argmin over the simplex of ‖Σ α_i ∇L_i‖² (arXiv 1810.04650, equation 3).

    The direction descends every loss, or is zero: x is then Pareto stationary. No preference is
    read, so the method gives one point of the front.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False

    normalise: Literal["none", "l2", "loss"] = option(
        "none", "gradients as they are, divided by their length, or by their loss"
    )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m] in float64, on the simplex of the gradients as normalised; see the base class."""
        assert gram is not None
        size = self._size(losses, gram)
        alpha = min_norm(gram / size[:, :, None] / size[:, None, :]) / size
        # the same direction, as weights of the gradients themselves
        return alpha / alpha.sum(1, keepdim=True)

    def _size(self, losses: Tensor, gram: Tensor) -> Tensor:
        """What each gradient is divided by, [K, m]; 1 where that would be 0."""
        if self.normalise == "none":
            return torch.ones_like(gram[:, 0])
        size = losses.abs().to(gram) if self.normalise == "loss" else gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
        return torch.where(size > TINY, size, 1.0)
