"""Sampler interface: the preferences that each training step of a continuous Pareto set uses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from mobench.interfaces.balancer import seeded

SMALLEST = 1e-6
"""Lower bound of the entries of drawn preferences, because balancers compute 1/r and log r."""


@dataclass(frozen=True)
class SamplerContext:
    """Information that a sampler receives once, before the first step.

    n_objectives:  m.
    n_preferences: K, the number of preferences of every step.
    seed:          seed for the sampler's random numbers, if it draws any.
    alpha:         the training option `alpha`, the concentration of the Dirichlet distribution.
    steps_per_epoch, total_steps: total_steps is None if the budget is in seconds.
    """

    n_objectives: int
    n_preferences: int
    seed: int = 0
    alpha: float = 0.2
    steps_per_epoch: int = 1
    total_steps: int | None = None

    def progress(self, step: int) -> float:
        """Return the fraction of the training before this step, from 0 to less than 1.

        Samplers that call this set `needs_total_steps`, so that jobs with a budget in seconds are declined.
        """
        if self.total_steps is None:
            raise ValueError("a budget in seconds has no number of steps: set needs_total_steps = True on the sampler")
        return min(step / self.total_steps, 1.0)


class Sampler(ABC):
    """Chooses the preferences of each training step.

    A sampler plugin is a dataclass (`@dataclass(eq=False)`); its fields are its options. It may keep state between
    steps: `start` initialises the state and `state_dict` saves it. Finite Pareto sets train their own rays and use
    no sampler.

    needs_total_steps: True if the preferences depend on the training progress; jobs with a budget in seconds, whose
        number of steps is not known beforehand, are then declined.
    """

    needs_total_steps: ClassVar[bool] = False

    def check(self, n_objectives: int, n_preferences: int) -> None:  # noqa: B027 - most samplers serve every job
        """Raise IncompatibleError, with the reason, if the sampler does not support these numbers.

        Called before any job is run.
        """

    @abstractmethod
    def start(self, context: SamplerContext) -> None:
        """Prepare for a training run; called once, before the first step."""

    @abstractmethod
    def sample(self, step: int) -> Tensor:
        """Return the preferences [K, m] of a step on the CPU: positive entries, rows that sum to 1.

        step: number of the step, from 0; called once for each step, in ascending order.
        """

    def state_dict(self) -> dict[str, Any]:
        """Return the state that `start` creates and the steps change; tensors and plain values only."""
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: B027
        """Restore the state that `state_dict` returned; called after `start` with the same context."""


@dataclass(eq=False)
class Dirichlet(Sampler):
    """Draws preferences from a symmetric Dirichlet distribution whose concentration is the training option `alpha`.

    Source: arXiv 2010.04104, section 4.
    """

    def start(self, context: SamplerContext) -> None:
        self._generator = seeded(context.seed)
        shape = context.n_preferences, context.n_objectives
        self._concentration = torch.full(shape, context.alpha, dtype=torch.float64)

    def sample(self, step: int) -> Tensor:
        return dirichlet(self._concentration, self._generator)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])


def positive_preferences(values: Tensor) -> Tensor:
    """Return preferences [K, m] in the proportions of non-negative values [K, m]; every entry is 1e-6 or more.

    A row of zeros, for example of gamma variables that underflow, becomes the centre.
    """
    r = values.clamp_min(torch.finfo(values.dtype).tiny)
    r = (r / r.sum(1, keepdim=True)).clamp_min(SMALLEST)
    return r / r.sum(1, keepdim=True)


def dirichlet(concentration: Tensor, generator: torch.Generator) -> Tensor:
    """Return preferences [K, m] from Dirichlet distributions with the concentrations [K, m]; 1e-6 or more each."""
    # torch's Dirichlet only uses the global random state; its gamma kernel accepts a generator
    return positive_preferences(torch._standard_gamma(concentration, generator=generator))
