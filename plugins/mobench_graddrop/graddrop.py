"""The GradDrop balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, BalancerContext, DirectionBalancer, TaskGradient, seeded
from mobench.options import option


@dataclass(eq=False)
class GradDrop(DirectionBalancer):
    """Gradient sign dropout (arXiv 2010.06808, algorithm 1, lines 10 to 15).

    In every coordinate, P = ½ (1 + Σ g_i / Σ |g_i|) is the positive sign purity. With probability P only the positive
    gradients are added, otherwise only the negative ones.

    The paper applies this to the gradients of a layer's activations. Here, as in TorchJD, it is applied to the
    gradients of the shared parameters, and task-specific parameters take the gradient of their own loss.
    """

    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    leak: Annotated[float, Interval(ge=0, le=1)] = option(0.0, "share of every gradient that is never dropped")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        self._generator = seeded(context.seed)

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n]; see the base class."""
        shape = (gradients.shape[0], gradients.shape[2])
        uniform = torch.rand(shape, generator=self._generator, dtype=gradients.dtype).to(
            gradients.device, non_blocking=True
        )
        return sign_dropout(gradients, uniform, self.leak)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])


def sign_dropout(gradients: Tensor, uniform: Tensor, leak: float = 0.0) -> Tensor:
    """Return the sum [K, n] of the gradients [K, m, n] that are kept.

    uniform: [K, n], values in [0, 1). Positive gradients are kept where the purity exceeds them.
    """
    # dividing by the largest value avoids an overflow of the sums
    largest = gradients.abs().amax((1, 2), keepdim=True).clamp_min(torch.finfo(gradients.dtype).tiny)
    scaled = gradients / largest
    total = scaled.abs().sum(1)
    purity = 0.5 * (1 + scaled.sum(1) / torch.where(total > 0, total, 1.0))
    keeps_positive, keeps_negative = (purity > uniform)[:, None], (purity < uniform)[:, None]
    is_kept = (keeps_positive & (gradients > 0)) | (keeps_negative & (gradients < 0))
    return ((leak + (1 - leak) * is_kept.to(gradients.dtype)) * gradients).sum(1)
