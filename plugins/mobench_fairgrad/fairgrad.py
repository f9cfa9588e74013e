"""The FairGrad balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext, TaskGradient
from mobench.options import option

TINY = torch.finfo(torch.float64).tiny
RIDGE = 1e-12
"""Ridge added to the cosines, so that the program also has a solution at Pareto stationary points."""
ROUNDS = 100
HALVINGS = 30
CLOSE = 1e-10
ROUNDING = 64 * torch.finfo(torch.float64).eps
"""Relative rounding error of the sums (cos u)_i, in multiples of the sum of the absolute values of their terms."""
BOUNDARY = 0.95
"""Largest share of the way to the boundary u = 0 that one Newton step takes."""


@dataclass(eq=False)
class FairGrad(Balancer):
    """The α-fair direction: (C w)_i = w_i^(−1/α) with w > 0 (arXiv 2402.15638, equation 4 and algorithm 1).

    The slopes ∇L_i · d = w_i^(−1/α) maximise Σ (∇L_i · d)^(1−α)/(1−α). α = 1 is proportional fairness (Nash-MTL); for
    α towards infinity the smallest slope counts alone (MGDA). The equation is the gradient of the convex function
    ½ wᵀCw − Σ φ(w_i) with φ' = w^(−1/α), which Newton's method minimises. No loss rises, to first order, up to the
    ridge; a vanishing gradient gets weight 0.

    As in the authors' code, the gradient of the shared parameters is m d, shortened to `max_norm` if it is longer, and
    task-specific parameters take the gradient of their own loss. The paper has d itself. LibMTL and TorchJD return d,
    and LibMTL weights task-specific gradients. The authors solve the equation by SciPy's `least_squares`.

    Conditioning: any ratio of lengths. The ridge has an effect where the cosine matrix has an eigenvalue near 1e-12.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    fairness: Annotated[float, Interval(gt=0, le=10)] = option(2.0, "α: 1 as in Nash-MTL, larger nearer to MGDA")
    max_norm: Annotated[float, Ge(0)] = option(1.0, "bound on the length of the direction; 0 for none")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        self.worst_residual = 0.0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64, positive where gradients do not vanish."""
        assert gram is not None
        weights, residual = fair_weights(gram, self.fairness)
        self.worst_residual = max(self.worst_residual, float(residual.max()))
        weights = gram.shape[1] * weights
        if not self.max_norm:
            return weights
        length = torch.einsum("ki,kij,kj->k", weights, gram.double(), weights).clamp_min(0).sqrt()
        return weights * (self.max_norm / length.clamp_min(TINY)).clamp(max=1.0)[:, None]

    @property
    def notes(self) -> dict[str, float | int | str]:
        return {"worst residual": self.worst_residual}

    def state_dict(self) -> dict[str, Any]:
        return {"worst_residual": self.worst_residual}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.worst_residual = state["worst_residual"]


def fair_weights(gram: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return w [K, m] with (C w)_i = w_i^(−1/α) in float64, and the largest relative residual of each problem [K].

    With lengths n_i = t ν_i, where t is their root mean square, and u_i = t^((α−1)/(α+1)) n_i w_i, the equation is
    (cos u)_i = b_i u_i^(−1/α) with b_i = ν_i^(1/α − 1). It is solved in this form, because the cosines are not affected
    by the lengths.
    """
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    exists = norms > 0
    inverse = torch.where(exists, 1 / norms.clamp_min(TINY), 0.0)
    size = (norms.square().sum(1, keepdim=True) / exists.sum(1, keepdim=True).clamp_min(1)).sqrt()
    size = torch.where(size > 0, size, 1.0)
    identity = torch.eye(c.shape[1], dtype=c.dtype, device=c.device)
    cosines = c * inverse[:, :, None] * inverse[:, None, :]
    # make the row of a vanishing gradient a separate problem that does not affect the others
    cosines = cosines + identity * (RIDGE + (~exists).double()[:, None, :])
    b = torch.where(exists, norms / size, 1.0).pow(1 / alpha - 1)
    u = _newton(cosines, b, alpha)
    residual = ((cosines @ u[:, :, None])[:, :, 0] * u.pow(1 / alpha) / b - 1).abs().amax(1)
    return u * inverse * size.pow((1 - alpha) / (1 + alpha)), residual


def _newton(cosines: Tensor, b: Tensor, alpha: float) -> Tensor:
    """Return the u > 0 [K, m] with cosines u = b u^(−1/α), by Newton's method with a line search."""

    def slope(at: Tensor) -> Tensor:
        return (cosines @ at[:, :, None])[:, :, 0] - b * at.pow(-1 / alpha)

    u = b.pow(alpha / (1 + alpha))  # the solution for orthogonal gradients
    # each problem ends by itself, so that its solution does not depend on the others
    has_converged = torch.zeros(len(u), 1, dtype=torch.bool, device=u.device)
    for _ in range(ROUNDS):
        gradient = slope(u)
        hessian = cosines + torch.diag_embed(b / alpha * u.pow(-1 / alpha - 1))
        step = -torch.linalg.solve(hessian, gradient[:, :, None])[:, :, 0]
        rounding = ROUNDING * (cosines.abs() @ u[:, :, None])[:, :, 0]
        is_close = gradient.abs() <= (CLOSE * b * u.pow(-1 / alpha)).maximum(rounding)
        has_converged = has_converged | is_close.all(1, keepdim=True)
        if bool(has_converged.all()):
            break
        along = (gradient * step).sum(1, keepdim=True)
        limits = torch.where(step < 0, -u / step.clamp(max=-TINY), torch.inf).amin(1, keepdim=True)
        length = (BOUNDARY * limits).clamp(max=1.0)
        for _ in range(HALVINGS):
            # the slope along the step grows, because the function is convex: stop before it is steep upwards
            is_long = (slope(u + length * step) * step).sum(1, keepdim=True) > 0.5 * along.abs()
            if not bool(is_long.any()):
                break
            length = torch.where(is_long, length / 2, length)
        u = torch.where(has_converged, u, u + length * step)
    return u
