"""Balancer interface: maps losses, preferences and gradients to one weight per objective, or to a direction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from mobench.interfaces.objective import Likelihood

Scope = Literal["all", "shared", "representation"]
"""What gradients are taken with respect to: all trained parameters, those that several losses reach, or the last
tensors that all losses are computed from."""
TaskGradient = Literal["weighted", "plain"]
"""Gradient of a task-specific parameter: that of its loss times the weight of the objective, or that of its loss."""
SCOPE_HELP = "parameters whose gradients are combined: those that several losses reach, or all"
"""Help text of the option `scope` of gradient surgery methods."""


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

    A balancer declares what it needs. Everything beyond losses and preferences is computed only if it is declared:

    needs_gram: True if the balancer uses Gram matrices of the loss gradients.
    scope: what the gradients are taken with respect to, for a balancer that uses gradients. It may be an option.
        "all": all trained parameters. "shared": the parameters that the losses of at least two objectives reach; a
        model can declare its task-specific parameters. "representation": the shared representation, the last tensors
        that all losses are computed from (MGDA-UB, arXiv 1810.04650, section 3.3), at one preference per step.
    task_gradients: gradient of the task-specific parameters, unless `scope` is "all". "weighted": α_i ∇L_i; "plain":
        ∇L_i, whatever the weights are. A method that scales them by other factors implements `task_weights`.
    needs_second_batch: True if each step takes a second, independent batch (MoDo). Losses and gradients are then
        means over both batches, and row i, column j of the Gram matrix is the inner product of the gradient of loss i
        on the first batch and of loss j on the second one.
    needs_losses_after: True if the losses of the same batch are computed again after the step; the solver then calls
        `after_step`.
    needs_gradients: True if the balancer gets the gradients themselves and returns a direction; see
        `DirectionBalancer`.

    Other properties:

    needs_preference: False if the balancer ignores the preference and therefore gives one point
        instead of a front (MGDA, gradient surgery); it is then called with one ray.
    couples_preferences: True if the weights of one preference depend on the losses of the
        others (the hypervolume gradient); the solver then passes several preferences per step.
    learns_set: True for a balancer that ignores the preference and trains several points together, which repel each
        other (MOO-SVGD). It is called with as many rows as finite sets train rays; the preferences have no meaning,
        and the result is a `PointSet`.
    """

    needs_gram: ClassVar[bool] = False
    needs_preference: ClassVar[bool] = True
    couples_preferences: ClassVar[bool] = False
    scope: Scope = "all"
    task_gradients: ClassVar[TaskGradient] = "weighted"
    needs_second_batch: ClassVar[bool] = False
    needs_losses_after: ClassVar[bool] = False
    needs_gradients: ClassVar[bool] = False
    learns_set: ClassVar[bool] = False

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

    def after_step(self, losses: Tensor, preferences: Tensor, losses_after: Tensor) -> None:
        """Update the state after an optimiser step; called only if `needs_losses_after`.

        losses, preferences: [K, m], those of the previous call.
        losses_after:        [K, m], detached, the losses of the same batch under the new parameters.
        """
        raise TypeError(f"{type(self).__name__} sets needs_losses_after, but has no after_step: implement it")

    def task_weights(self, weights: Tensor | None) -> Tensor | None:
        """Return the factors [K, m] of the gradients of task-specific parameters in this step; None if all are 1.

        Called after the weights or directions of the step, if `scope` is not "all". The default follows
        `task_gradients`.

        weights: [K, m], the weights of the step; None after directions.
        """
        return weights if self.task_gradients == "weighted" else None

    @property
    def notes(self) -> dict[str, float | int | str]:
        """Notes for the record, for example how often a program had no solution."""
        return {}

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `start` creates and the steps change; tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore the state that `state_dict` returned."""


class DirectionBalancer(Balancer):
    """A balancer that combines the gradients themselves, and not only by one weight per objective.

    The m gradients of each preference are stored, n values each. Use it for methods that treat every coordinate on
    its own (sign dropout) or that mix the gradients of several preferences.
    """

    needs_gradients: ClassVar[bool] = True

    @abstractmethod
    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        """Return the directions [K, n] that the optimiser descends, in the dtype of the gradients.

        losses:      [K, m], detached.
        preferences: [K, m], on the simplex.
        gradients:   [K, m, n]. For a network that generates weights, they are taken with respect to the n generated
            weights, and the direction is pulled back to the trained parameters. Otherwise they are taken with respect
            to the trained parameters, and the directions of the K preferences are added.

        With `scope = "shared"`, weights or parameters that only one loss reaches are not among the n values. They take
        the gradient of their own loss, times its factor if the balancer has `task_weights`.
        """

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Raise TypeError: this balancer has no weights."""
        raise TypeError(f"{type(self).__name__} gives no weights: call directions(losses, preferences, gradients)")


def seeded(seed: int) -> torch.Generator:
    """Return a new CPU random generator with this seed, for use instead of the global one."""
    return torch.Generator().manual_seed(seed)
