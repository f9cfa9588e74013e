"""Solver interface: start, step and the resulting Pareto set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from mobench.interfaces.generator import ParetoSet, PointSet
from mobench.interfaces.problem import Problem
from mobench.interfaces.samples import Samples


@dataclass(frozen=True)
class Seeds:
    """One seed per source of randomness, so that each can be varied on its own."""

    data: int = 0
    initialisation: int = 0
    preferences: int = 0
    solver: int = 0


@dataclass(frozen=True)
class Setting:
    """Information that a solver receives once, before the first step.

    rays: [R, m], the preferences on which a finite Pareto set is trained and evaluated.
    steps_per_epoch, total_steps: total_steps is None if the budget is in seconds.
    """

    rays: Tensor
    seeds: Seeds
    steps_per_epoch: int
    total_steps: int | None


class Solver(ABC):
    """Learns a Pareto set step by step.

    A solver plugin is a dataclass (`@dataclass(eq=False)`); its fields are its options. The training
    loop handles everything around the step: batches, budget, progress, checkpoints, timing, evaluation.

    steps_to_learn: number of steps in which the front of a small problem improves, for solvers that search without
        gradients and need more steps than gradient descent; `mobench check` gives them as many. None: not stated.
    """

    steps_to_learn: ClassVar[int | None] = None

    def n_weight_sets(self, n_rays: int) -> int:
        """Return how many weight sets of the target network one step runs, for a suite with `n_rays` finite rays.

        The value is used to choose an execution strategy; the default is 1.
        """
        return 1

    def check(self, problem: Problem) -> None:  # noqa: B027 - most solvers accept every problem
        """Raise IncompatibleError, with the reason, if the problem is not supported; called before any job is run."""

    @abstractmethod
    def start(self, problem: Problem, setting: Setting) -> None:
        """Build the network to train.

        torch's global random state is seeded with `setting.seeds.initialisation` before this call.

        Raises: IncompatibleError, with the reason, if the problem is not supported.
        """

    @property
    def n_batches(self) -> int:
        """Number of independent batches that one step takes; the training loop passes them all to `step`."""
        return 1

    @abstractmethod
    def step(self, batch: Samples) -> Tensor:
        """Take one step on a prepared batch and return its losses [K, m], detached.

        With `n_batches` above 1, the signature is `step(self, batch, *more)`.
        """

    @property
    @abstractmethod
    def pareto_set(self) -> ParetoSet | PointSet:
        """The Pareto set in its current state of training; a PointSet if its points belong to no preference."""

    @property
    def notes(self) -> dict[str, float | int | str]:
        """Notes for the record, for example how often a program had no solution."""
        return {}

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the complete state for resuming training exactly; tensors and plain values only."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state that `state_dict` returned; called after `start` with the same arguments."""
