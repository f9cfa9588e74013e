"""The GradNorm balancer."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn

from mobench.interfaces import Balancer, BalancerContext
from mobench.numerics import Adam
from mobench.options import option

SMALLEST = 1e-12
"""Smallest initial loss and mean of the loss ratios, by which is divided."""


@dataclass(eq=False)
class GradNorm(Balancer):
    """Weights under which the gradients have similar lengths and the losses similar rates (arXiv 1711.02257).

    The length of the weighted gradient is G_i = w_i ‖∇L_i‖. Its target is Ḡ r_i^α, where Ḡ is the mean of all G_i and
    r_i is L_i(t)/L_i(0) divided by the mean over the objectives. In every step, the weights descend Σ |G_i − Ḡ r_i^α|
    with constant targets (equation 2). The step of the network uses the weights from before (algorithm 1).

    w = m softmax(s), as in LibMTL, so the weights stay positive and sum to m; s takes steps of Adam. The paper changes
    w itself and divides it by its mean after each step. L_i(0) is the first loss, as in the paper, or, as in LibMTL,
    the mean of the first epoch, in which all weights are 1 (`baseline = "first-epoch"`).

    The gradients are those of the shared parameters, as in LibMTL; the paper takes those of the last shared layer. The
    weights multiply the losses, so task-specific parameters take their weighted gradient, as in the paper; LibMTL
    does not weight it. The paper has no official code.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False

    asymmetry: Annotated[float, Ge(0)] = option(1.5, "α: the larger, the more weight for losses that fall slowly")
    rate: Annotated[float, Gt(0)] = option(0.025, "learning rate of the weights")
    baseline: Literal["first-step", "first-epoch"] = option(
        "first-step", "the initial loss of an objective: of the first step, or the mean of the first epoch"
    )
    scope: Literal["shared", "all"] = option("shared", "parameters whose gradients are measured: shared ones, or all")

    def start(self, context: BalancerContext) -> None:
        shape, device = (context.n_preferences, context.n_objectives), context.ideal.device
        self.logits = nn.Parameter(torch.zeros(shape, dtype=torch.float64, device=device))
        self.optimiser = Adam([self.logits], lr=self.rate, fused=False)
        self.initial = torch.zeros(shape, dtype=torch.float64, device=device)
        self.n_baseline_steps = context.steps_per_epoch if self.baseline == "first-epoch" else 1
        self.n_steps = 0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]; rows sum to m."""
        assert gram is not None
        m, is_baseline = losses.shape[1], self.n_steps < self.n_baseline_steps
        if is_baseline:
            self.initial = self.initial + losses.detach().double() / self.n_baseline_steps
        self.n_steps += 1
        weights = m * torch.softmax(self.logits.detach(), dim=1)
        if not is_baseline or self.baseline == "first-step":
            norms = gram.double().diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
            slopes = norms * torch.sign(weights * norms - self._targets(losses, weights * norms))
            weighted = weights * slopes
            self.logits.grad = weighted - weights / m * weighted.sum(1, keepdim=True)
            self.optimiser.step()
        return weights.to(losses)

    def _targets(self, losses: Tensor, lengths: Tensor) -> Tensor:
        """Return Ḡ r^α [K, m] for the lengths G [K, m] of the weighted gradients."""
        ratios = losses.detach().double().clamp_min(0) / self.initial.clamp_min(SMALLEST)
        relative = ratios / ratios.mean(1, keepdim=True).clamp_min(SMALLEST)
        return lengths.mean(1, keepdim=True) * relative.pow(self.asymmetry)

    def state_dict(self) -> dict[str, Any]:
        return {
            "logits": self.logits.detach().clone(),
            "optimiser": self.optimiser.state_dict(),
            "initial": self.initial,
            "n_steps": self.n_steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            self.logits.copy_(state["logits"])
        # pass a copy, because torch keeps references to the step counters
        self.optimiser.load_state_dict(deepcopy(state["optimiser"]))
        self.initial = state["initial"].to(self.initial)
        self.n_steps = state["n_steps"]
