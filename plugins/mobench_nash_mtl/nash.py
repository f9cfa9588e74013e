"""The Nash-MTL balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
RIDGE = 1e-8
"""Ridge added to the cosines, so that the bargaining problem also has a solution at Pareto stationary points."""
ROUNDS = 100
CLOSE = 1e-10


@dataclass(eq=False)
class NashMTL(Balancer):
    """The Nash bargaining solution: C α = 1/α with α > 0 (arXiv 2202.01017, claim 3.1).

    It is the minimiser of ½ αᵀCα − Σ log α_i, which is convex and self-concordant, so damped Newton
    steps converge from any starting point. Every ∇L_i · d is then 1/α_i > 0, up to the ridge.

    The paper's direction has length √m for any gradients. Here it is multiplied by their root mean
    square length, so that orthonormal gradients have α = 1 and steps shrink with the gradients.
    A vanishing gradient gets weight 0.

    Conditioning: any ratio of lengths. The ridge has an effect where the cosine matrix has an eigenvalue near 1e-8.
    At an angle below about 1e-4 to a linear dependence of the gradients, a loss may rise by up to √(m · ridge) of a
    unit step.

    The gradients are those of the shared parameters. The weights then multiply the losses, so task-specific parameters
    take their weighted gradient, as in the code of the authors and in LibMTL. `mtl_backward` of TorchJD does not weight
    it.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP, added=True, earlier="all")

    def start(self, context: BalancerContext) -> None:
        self.worst_residual = 0.0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, positive where gradients do not vanish."""
        assert gram is not None
        alpha, residual = nash_weights(gram)
        self.worst_residual = max(self.worst_residual, float(residual.max()))
        return alpha

    def state_dict(self) -> dict[str, Any]:
        return {"worst_residual": self.worst_residual}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.worst_residual = state["worst_residual"]


def nash_weights(gram: Tensor) -> tuple[Tensor, Tensor]:
    """Return weights [K, m] in float64 and the largest |α_i (Cα)_i − 1| of each problem [K].

    Scaling gradient i by s divides α_i by s, so the problem is solved on cosines.
    """
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    there = norms > 0
    inverse = torch.where(there, 1 / norms.clamp_min(TINY), 0.0)
    identity = torch.eye(c.shape[1], dtype=c.dtype, device=c.device)
    cosines = c * inverse[:, :, None] * inverse[:, None, :]
    # make the row of a vanishing gradient a separate problem that does not affect the others
    cosines = cosines + identity * (RIDGE + (~there).double()[:, None, :])
    alpha = torch.full_like(norms, c.shape[1] ** -0.5)
    for _ in range(ROUNDS):
        slope = (cosines @ alpha[:, :, None])[:, :, 0] - 1 / alpha
        hessian = cosines + torch.diag_embed(1 / alpha.square())
        step = torch.linalg.solve(hessian, slope[:, :, None])[:, :, 0]
        decrement = (slope * step).sum(1, keepdim=True).clamp_min(0).sqrt()
        if bool((decrement < CLOSE).all()):
            break
        # full steps once inside the region where they converge quadratically (Boyd & Vandenberghe, 9.6.4)
        alpha = alpha - torch.where(decrement < 0.25, 1.0, 1 / (1 + decrement)) * step
    residual = (alpha * (cosines @ alpha[:, :, None])[:, :, 0] - 1).abs().amax(1)
    size = (norms.square().sum(1, keepdim=True) / there.sum(1, keepdim=True).clamp_min(1)).sqrt()
    return alpha * inverse * size, residual
