"""The PCGrad balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext, TaskGradient, seeded
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny


@dataclass(eq=False)
class PCGrad(Balancer):
    """Projection of conflicting gradients (arXiv 2001.06782, algorithm 1).

    The component of each gradient along every other gradient that it conflicts with is removed, in
    random order. The direction is the sum of the projected gradients. For two objectives it conflicts
    with neither gradient.

    Conditioning: any ratio of lengths. The projection of a gradient nearly opposite to another is exact to 1e-16
    of the gradient's length.

    Only gradients of shared parameters are projected. Task-specific parameters take the gradient of their own loss,
    as in LibMTL and in `mtl_backward` of TorchJD.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP, added=True, earlier="all")

    def start(self, context: BalancerContext) -> None:
        self._generator = seeded(context.seed)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return the weights [K, m] of the summed gradients in float64; without conflict all are 1."""
        assert gram is not None
        k, m = losses.shape
        order = torch.rand(k, m, m, generator=self._generator).argsort(2).to(gram.device, non_blocking=True)
        return pcgrad_weights(gram, order)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])


def pcgrad_weights(gram: Tensor, order: Tensor) -> Tensor:
    """Return weights [K, m] in float64 for Gram matrices [K, m, m].

    order: [K, m, m]; row i is the order in which gradient i is compared with the gradients, skipping itself.

    The projected gradients are represented by coefficients of the original ones, W [K, m, m].
    """
    c = gram.double()
    squares = c.diagonal(dim1=1, dim2=2)
    w = torch.eye(c.shape[1], dtype=c.dtype, device=c.device).expand_as(c).clone()
    itself = torch.arange(c.shape[1], device=c.device)
    for met in order.unbind(2):  # [K, m]: the gradient with which each gradient is compared now
        products = (w @ c).gather(2, met[..., None])[..., 0]
        conflict = (products < 0) & (met != itself)
        share = torch.where(conflict, products / squares.gather(1, met).clamp_min(TINY), 0.0)
        w.scatter_add_(2, met[..., None], -share[..., None])
    return w.sum(1)
