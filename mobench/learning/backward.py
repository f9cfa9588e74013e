"""The backward pass of one step: losses, and gradients that are combined as the balancer says.

The subclasses compute the Gram matrix in `_gram`. It covers the parameters in the balancer's scope; where
`_is_split` holds, `mobench.learning.task_parameters` finds those that belong to one objective.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from mobench.errors import NonFiniteError
from mobench.interfaces import Balancer, DirectionBalancer, Outputs, ParetoNetwork, Problem, Samples, inner_products
from mobench.learning.divergence import check_gradients, check_losses, is_finite


class Backward(ABC):
    """Computes the losses [K, m] of a step and sets the .grad of the trained parameters."""

    def __init__(self, problem: Problem, balancer: Balancer, network: ParetoNetwork) -> None:
        self.problem = problem
        self.balancer = balancer
        self.trained = [p for p in network.parameters() if p.requires_grad]

    @abstractmethod
    def __call__(self, preferences: Tensor, batch: Samples, second: Samples | None = None) -> Tensor:
        """Return the losses [K, m] under preferences [K, m], detached: those of the batch, or means of both batches.

        second: the second batch, for a balancer that needs one.
        """

    def losses_of(self, preferences: Tensor, batch: Samples) -> Tensor:
        """Return the losses [K, m] of a batch, without gradients. Running statistics do not change."""
        with torch.no_grad():
            return torch.stack(self.problem.each_loss(self._outputs(preferences, batch), batch), dim=1)

    @abstractmethod
    def _outputs(self, preferences: Tensor, batch: Samples) -> Sequence[Outputs]:
        """Return the outputs under preferences [K, m]; running statistics do not change."""

    @property
    def _uses_gradients(self) -> bool:
        return self.balancer.needs_gram or self.balancer.needs_gradients or self.balancer.needs_second_batch

    @property
    def _is_split(self) -> bool:
        """Whether parameters that only one loss reaches are treated apart from the shared ones."""
        return self.balancer.scope != "all"

    def _each_loss(self, outputs: Sequence[Outputs], batch: Samples) -> list[Tensor]:
        columns = self.problem.each_loss(outputs, batch)
        self.problem.check_trainable(columns)
        return columns

    def _alpha(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        # NaN would destroy the weights permanently: stop before the optimiser's step
        names = [o.name for o in self.problem.objectives]
        check_losses(losses, names)
        if gram is not None:
            check_gradients(gram, names)
        alpha = self.balancer(losses, preferences, gram)
        if not is_finite(alpha):
            raise NonFiniteError(f"the balancer's weights are {alpha.tolist()} for losses {losses.tolist()}")
        return alpha

    def _directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n] of a balancer that gets the gradients [K, m, n]."""
        assert isinstance(self.balancer, DirectionBalancer)
        names = [o.name for o in self.problem.objectives]
        check_losses(losses, names)
        check_gradients(inner_products(gradients), names)
        directions = self.balancer.directions(losses, preferences, gradients)
        if not is_finite(directions):
            raise NonFiniteError(f"the balancer's directions are not finite for losses {losses.tolist()}")
        return directions.to(gradients.dtype)
