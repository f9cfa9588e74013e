"""The MoDo balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext, TaskGradient
from mobench.options import option


@dataclass(eq=False)
class MoDo(Balancer):
    """Multi-objective gradient with double sampling (arXiv 2305.20057, algorithm 1).

    The weights λ take one projected gradient step on ½ λᵀCλ + ½ ρ ‖λ‖² over the simplex in every training step:
    λ ← Π(λ − γ (G λ + ρ λ)). G has the inner products of the gradients on two independent batches. Its expectation is
    the Gram matrix C of the expected gradients, which that of one batch is not.

    The training step descends the mean of both batches' gradients, as in the two-batch form of the authors' code. The
    other form draws a third batch for it. Task-specific parameters take the gradient of their own loss, as in that
    code and in LibMTL.
    """

    needs_gram: ClassVar[bool] = True
    needs_second_batch: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    rate: Annotated[float, Gt(0)] = option(1e-3, "learning rate of the weights, γ")
    rho: Annotated[float, Ge(0)] = option(0.1, "regularisation towards equal weights, ρ")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        shape = (context.n_preferences, context.n_objectives)
        self.weights = torch.full(shape, 1 / context.n_objectives, dtype=torch.float64, device=context.ideal.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] on the simplex; see the base class."""
        assert gram is not None
        weights = self.weights.to(gram)
        slope = (gram @ weights[:, :, None])[:, :, 0] + self.rho * weights
        self.weights = simplex_projection(weights - self.rate * slope)
        return self.weights.to(losses)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["weights"].to(self.weights, copy=True)


def simplex_projection(points: Tensor) -> Tensor:
    """Return the nearest points on the simplex for points [K, m].

    The result is max(x − t, 0), where t makes it sum to 1. It is found among the sorted entries (Held, Wolfe & Crowder
    1974).
    """
    # a shift of all entries by the same value does not change the result
    shifted = points - points.amax(1, keepdim=True)
    descending = shifted.sort(dim=1, descending=True).values
    n_kept = torch.arange(1, points.shape[1] + 1, device=points.device, dtype=points.dtype)
    thresholds = (descending.cumsum(1) - 1) / n_kept
    last = (descending > thresholds).sum(1, keepdim=True) - 1
    return (shifted - thresholds.gather(1, last)).clamp_min(0)
