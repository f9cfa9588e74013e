"""What a balancer is: losses, preferences and a Gram matrix to one weight per objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mobench.interfaces.objective import Likelihood


@dataclass(frozen=True)
class BalancerContext:
    """What a balancer is told once, before the first step.

    n_preferences: K, how many preferences every call will bring.
    n_objectives:  m.
    reference, ideal: [m], from the dataset's protocol.
    seed: of the balancer's own random numbers, where it draws any.
    steps_per_epoch, total_steps: total is None under a budget of seconds.
    likelihoods: of each objective, as it states it; empty: nothing is stated of any.
    """

    n_preferences: int
    n_objectives: int
    reference: Tensor
    ideal: Tensor
    seed: int = 0
    steps_per_epoch: int = 1
    total_steps: int | None = None
    likelihoods: tuple[Likelihood | None, ...] = ()


class Balancer(ABC):
    """Weights of the objectives' gradients in one descent step.

    A balancer plugin is a dataclass (`@dataclass(eq=False)`); its fields are its options. It may
    keep state from step to step, made in `start` and saved by `state_dict`.

    needs_gram: the core computes Gram matrices only for balancers that say True.
    needs_preference: False where the balancer ignores the preference, so that it gives one point
        and not a front (MGDA, the gradient-surgery family); the core then offers it one ray.
    couples_preferences: True where the weights of one preference depend on the losses of the
        others (the hypervolume gradient); the solver then offers several preferences a step.
    """

    needs_gram: ClassVar[bool] = False
    needs_preference: ClassVar[bool] = True
    couples_preferences: ClassVar[bool] = False

    def start(self, context: BalancerContext) -> None:  # noqa: B027 - most balancers keep no state
        """Prepare for a training run; called once, before the first step."""

    @abstractmethod
    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Weights [K, m] of the loss gradients, in the dtype of the losses or in float64.

        Weights from a Gram matrix are better left in float64: the core rounds them to the dtype of the losses where
        that does not turn the direction, and combines the gradients in float64 elsewhere.

        losses:      [K, m], detached.
        preferences: [K, m], on the simplex; a larger value asks for a smaller loss.
        gram:        [K, m, m], inner products of the loss gradients, in float64 whatever the losses
                     are in; None unless `needs_gram`.
        """

    @property
    def notes(self) -> dict[str, float | int | str]:
        """What the record is to say beside its numbers, as how often a program had no solution."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Everything that `start` made and steps changed; tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Take up the state that `state_dict` gave."""


def seeded(seed: int) -> torch.Generator:
    """A CPU random generator of its own, so that nobody draws from the global one."""
    return torch.Generator().manual_seed(seed)
