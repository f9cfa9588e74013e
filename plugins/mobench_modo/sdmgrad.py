"""The SDMGrad balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext, TaskGradient
from mobench.options import option
from mobench_modo.modo import simplex_projection

SMALLEST = 1e-8
"""Added to the squared scale of the gradients, as in LibMTL."""


@dataclass(eq=False)
class SDMGrad(Balancer):
    """Direction-oriented descent: a common descent direction near the mean gradient (arXiv 2305.18409, algorithm 1).

    The weights w take `n_iterations` projected gradient steps with momentum on ½ ‖Σ w_i g_i + λ g₀‖² over the simplex,
    where g₀ is the mean gradient, starting at those of the last training step. The products of gradients are those of
    two independent batches, so the slopes are unbiased. The direction is (Σ w_i g_i + λ g₀) / (1 + λ).

    As in the authors' code, the products are divided by the square of the mean length of the gradients; as in LibMTL,
    negative products of a gradient with itself on the other batch count as 0. The training step descends the mean of
    both batches' gradients; the paper draws a third batch for it. The authors' code stores the gradients of its three
    batches in one place, so it has the Gram matrix of the last batch only. It multiplies the direction by m and bounds
    its length by 1, which is left out here, as in LibMTL. Task-specific parameters take the gradient of their own loss,
    as in both.
    """

    needs_gram: ClassVar[bool] = True
    needs_second_batch: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    strength: Annotated[float, Ge(0)] = option(0.3, "λ: the larger, the nearer the direction to the mean gradient")
    n_iterations: Annotated[int, Gt(0)] = option(20, "projected gradient steps of the weights in a training step")
    weights_rate: Annotated[float, Gt(0)] = option(10.0, "learning rate of the weights")
    weights_momentum: Annotated[float, Interval(ge=0, lt=1)] = option(0.5, "momentum of the weights")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        shape = (context.n_preferences, context.n_objectives)
        self.weights = torch.full(shape, 1 / context.n_objectives, dtype=torch.float64, device=context.ideal.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] on the simplex; see the base class."""
        assert gram is not None
        mean_length = gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt().mean(1)
        products = gram / (mean_length.square() + SMALLEST)[:, None, None]
        weights, velocity = self.weights.to(gram), torch.zeros_like(gram[:, 0])
        pull = self.strength / gram.shape[1]
        for _ in range(self.n_iterations):
            velocity = self.weights_momentum * velocity + (products @ (weights + pull)[:, :, None])[:, :, 0]
            weights = simplex_projection(weights - self.weights_rate * velocity)
        self.weights = weights
        return ((weights + pull) / (1 + self.strength)).to(losses)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.weights = state["weights"].to(self.weights, copy=True)
