"""The GradVac balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext, TaskGradient, seeded
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
SMALLEST_SINE = 1e-8
"""Added to the sine of a target angle before division, as in LibMTL."""


@dataclass(eq=False)
class GradVac(Balancer):
    """Gradient vaccine: cosines between gradients are raised to their average over steps (arXiv 2010.05874).

    Each gradient meets the others in random order. If its cosine φ to gradient j is below the moving average φ̂_ij, a
    multiple of g_j is added, so that it becomes φ̂_ij (equation 3). After each meeting, φ̂_ij ← (1 − β) φ̂_ij + β φ. The
    averages start at 0, where the first step is that of PCGrad. The direction is the sum of the changed gradients.

    The cosines are those of all shared parameters together (`whole_model`), and β is that of LibMTL. Task-specific
    parameters take the gradient of their own loss, as in LibMTL.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    beta: Annotated[float, Interval(ge=0, le=1)] = option(0.5, "weight of the newest cosine in its moving average")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        self._generator = seeded(context.seed)
        m = context.n_objectives
        self.averages = torch.zeros(context.n_preferences, m, m, dtype=torch.float64, device=context.ideal.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return the weights [K, m] of the summed gradients in float64, each at least 1."""
        assert gram is not None
        k, m = losses.shape
        order = torch.rand(k, m, m, generator=self._generator).argsort(2).to(gram.device, non_blocking=True)
        weights, self.averages = gradvac_weights(gram, order, self.averages, self.beta)
        return weights

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state(), "averages": self.averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
        self.averages = state["averages"].to(self.averages)


def gradvac_weights(gram: Tensor, order: Tensor, averages: Tensor, beta: float) -> tuple[Tensor, Tensor]:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m], and the new averages of the cosines [K, m, m].

    order: [K, m, m]; row i is the order in which gradient i meets the gradients, skipping itself.

    The changed gradients are represented by coefficients of the original ones, W [K, m, m].
    """
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    w = torch.eye(c.shape[1], dtype=c.dtype, device=c.device).expand_as(c).clone()
    averages = averages.to(c).clone()
    itself = torch.arange(c.shape[1], device=c.device)
    for met in order.unbind(2):  # [K, m]: the gradient that each gradient meets now
        products = w @ c
        lengths = (products * w).sum(2).clamp_min(0).sqrt()
        met_norms, index = norms.gather(1, met), met[..., None]
        scale = lengths * met_norms
        cosines = (products.gather(2, index)[..., 0] / torch.where(scale > 0, scale, 1.0)).clamp(-1, 1)
        targets = averages.gather(2, index)[..., 0]
        sines, target_sines = ((1 - x.square()).clamp_min(0).sqrt() for x in (cosines, targets))
        share = lengths * (targets * sines - cosines * target_sines)
        share = share / (met_norms * (target_sines + SMALLEST_SINE)).clamp_min(TINY)
        is_other = met != itself
        w.scatter_add_(2, index, torch.where(is_other & (cosines < targets) & (scale > 0), share, 0.0)[..., None])
        averages.scatter_(2, index, torch.where(is_other, targets + beta * (cosines - targets), targets)[..., None])
    return w.sum(1), averages
