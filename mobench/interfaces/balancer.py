"""Balancer interface: maps losses, preferences and Gram matrices to one weight per objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mobench.interfaces.objective import Likelihood


@dataclass(frozen=True)
class BalancerContext:
    """Information that a balancer receives once, before the first step.

    n_preferences: K, the number of preferences in every call.
    n_objectives:  m.
    reference, ideal: [m], from the dataset's protocol.
    seed: seed for the balancer's random numbers, if it draws any.
    steps_per_epoch, total_steps: total_steps is None if the budget is in seconds.
    likelihoods: the likelihood of each objective, None where it is not specified; empty if none is specified.
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
    """Computes the weights of the objectives' gradients in one descent step.

    A balancer plugin is a dataclass (`@dataclass(eq=False)`); its fields are its options. It may
    keep state between steps: `start` initialises the state and `state_dict` saves it.

    needs_gram: True if the balancer uses Gram matrices; they are computed only in that case.
    needs_preference: False if the balancer ignores the preference and therefore gives one point
        instead of a front (MGDA, gradient surgery); it is then called with one ray.
    couples_preferences: True if the weights of one preference depend on the losses of the
        others (the hypervolume gradient); the solver then passes several preferences per step.
    """

    needs_gram: ClassVar[bool] = False
    needs_preference: ClassVar[bool] = True
    couples_preferences: ClassVar[bool] = False

    def start(self, context: BalancerContext) -> None:  # noqa: B027 - most balancers keep no state
        """Prepare for a training run; called once, before the first step."""

    @abstractmethod
    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return the weights [K, m] of the loss gradients, in the dtype of the losses or in float64.

        Weights computed from a Gram matrix should stay in float64. The solver rounds them to the dtype of the losses
        if this does not change the direction; otherwise it combines the gradients in float64.

        losses:      [K, m], detached.
        preferences: [K, m], on the simplex; a larger value requests a smaller loss.
        gram:        [K, m, m], inner products of the loss gradients, always in float64; None unless `needs_gram`.
        """

    @property
    def notes(self) -> dict[str, float | int | str]:
        """Notes for the record, for example how often a program had no solution."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `start` creates and the steps change; tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore the state that `state_dict` returned."""


def seeded(seed: int) -> torch.Generator:
    """Return a new CPU random generator with this seed, for use instead of the global one."""
    return torch.Generator().manual_seed(seed)
