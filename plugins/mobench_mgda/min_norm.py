"""The min-norm balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import Balancer
from mobench.numerics import min_norm
from mobench.options import option

TINY = 1e-30


@dataclass(eq=False)
class MinNorm(Balancer):
    """argmin over the simplex of ‖Σ α_i ∇L_i‖² (arXiv 1810.04650, equation 3).

    The direction descends every loss, or is zero: x is then Pareto stationary. No preference is
    read, so the method gives one point of the front.

    With `normalise` the program is that of ∇L_i / s_i, where s_i is the size that the option names. The
    paper has no normalisation, its code has. `weighted` says what the program's weights α multiply:

    "normalised": the gradients as normalised, so the direction is Σ α_i ∇L_i / s_i, which descends every
                  loss; as weights of the losses, α_i / s_i, scaled to sum to 1.
    "raw":        the losses as they are, Σ α_i ∇L_i, as in the paper's code. The direction may raise a loss, and
                  where the program has several solutions it depends on which of them is found.

    Gradients are those of all trained weights, those of single tasks included. The paper's code takes those
    that tasks share, or (MGDA-UB) the shared representation.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False

    normalise: Literal["none", "l2", "loss"] = option(
        "none", "gradients as they are, divided by their length, or by their loss"
    )
    weighted: Literal["normalised", "raw"] = option(
        "normalised", "what the weights multiply: gradients as normalised, or, as in the paper's code, raw", added=True
    )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m] in float64, on the simplex of the gradients as normalised; see the base class."""
        assert gram is not None
        size = self._size(losses, gram)
        alpha = min_norm(gram / size[:, :, None] / size[:, None, :])
        if self.weighted == "normalised":
            # the same direction, as weights of the gradients themselves
            alpha = alpha / size
        return alpha / alpha.sum(1, keepdim=True)

    def _size(self, losses: Tensor, gram: Tensor) -> Tensor:
        """What each gradient is divided by, [K, m]; 1 where that would be 0."""
        if self.normalise == "none":
            return torch.ones_like(gram[:, 0])
        size = losses.abs().to(gram) if self.normalise == "loss" else gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
        return torch.where(size > TINY, size, 1.0)
