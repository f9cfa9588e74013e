"""The uncertainty weighting balancer."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mobench.interfaces import Balancer, BalancerContext, Likelihood
from mobench.numerics import Adam
from mobench.options import option

WIDEST = 20.0
"""Bound on the absolute log-variances; without it, the weight of a loss of 0 or below would diverge."""

FACTORS: dict[Likelihood | None, float] = {"categorical": 1.0, "gaussian": 0.5, None: 1.0}
"""Factor c of a loss in the negative log-likelihood, by which exp(−s) is multiplied."""


@dataclass(eq=False)
class Uncertainty(Balancer):
    """Weights α_i = c_i exp(−s_i), s_i = log σ_i² learned on Σ_i c_i exp(−s_i) L_i + s_i/2 (arXiv 1705.07115).

    c_i is 1 for a cross-entropy (equation 10) and ½ for a squared error, whose Gaussian likelihood has
    the term L_i / 2σ_i² (equation 7). `Objective.likelihood` states which of the two an objective is. A loss
    without a stated likelihood is treated like a cross-entropy. The log-variances start at 0. At each call they
    take one Adam step after the weights are computed.
    """

    needs_preference: ClassVar[bool] = False

    rate: Annotated[float, Gt(0)] = option(1e-3, "learning rate of the log-variances")

    def start(self, context: BalancerContext) -> None:
        shape, device = (context.n_preferences, context.n_objectives), context.ideal.device
        self.log_variances = nn.Parameter(torch.zeros(shape, dtype=torch.float64, device=device))
        self.optimiser = Adam([self.log_variances], lr=self.rate, fused=False)
        likelihoods = context.likelihoods or (None,) * context.n_objectives
        self.factors = torch.tensor(
            [FACTORS[likelihood] for likelihood in likelihoods], dtype=torch.float64, device=device
        )

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return positive weights [K, m]."""
        alpha = self.factors * torch.exp(-self.log_variances.detach())
        self.log_variances.grad = 0.5 - alpha * losses.detach().double()
        self.optimiser.step()
        with torch.no_grad():
            self.log_variances.clamp_(-WIDEST, WIDEST)
        return alpha.to(losses)

    def state_dict(self) -> dict[str, Any]:
        return {"log_variances": self.log_variances.detach().clone(), "optimiser": self.optimiser.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        with torch.no_grad():
            self.log_variances.copy_(state["log_variances"])
        # pass a copy, because torch keeps references to the step counters
        self.optimiser.load_state_dict(deepcopy(state["optimiser"]))
