"""The CR-MOGM balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from mobench.interfaces import SCOPE_HELP, Balancer, BalancerContext, TaskGradient
from mobench.numerics import min_norm
from mobench.options import option


@dataclass(eq=False)
class CRMOGM(Balancer):
    """Min-norm weights, averaged over steps (Zhou et al., NeurIPS 2022).

    λ_t = β λ_(t−1) + (1 − β) w_t, where w_t are the weights of the min-norm point, and λ_0 = 1/m. The average depends
    less on the noise of a batch, which reduces the bias of stochastic MGDA. The paper increases β as the learning
    rate decreases; here, as in TorchJD, it is constant. The paper averages other methods' weights too; here those of
    MGDA. Task-specific parameters take the gradient of their own loss, as for `mgda`.
    """

    needs_gram: ClassVar[bool] = True
    needs_preference: ClassVar[bool] = False
    task_gradients: ClassVar[TaskGradient] = "plain"

    decay: Annotated[float, Interval(ge=0, lt=1)] = option(0.9, "weight β of the earlier average")
    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def start(self, context: BalancerContext) -> None:
        shape = (context.n_preferences, context.n_objectives)
        self.averages = torch.full(shape, 1 / context.n_objectives, dtype=torch.float64, device=context.ideal.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] on the simplex, in float64."""
        assert gram is not None
        self.averages = self.decay * self.averages.to(gram) + (1 - self.decay) * min_norm(gram)
        return self.averages

    def state_dict(self) -> dict[str, Any]:
        return {"averages": self.averages}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.averages = state["averages"].to(self.averages)
