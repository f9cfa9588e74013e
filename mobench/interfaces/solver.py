"""What a solver is: a start, a step, and the Pareto set it has learned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from mobench.interfaces.generator import ParetoSet
from mobench.interfaces.problem import Problem
from mobench.interfaces.samples import Samples


@dataclass(frozen=True)
class Seeds:
    """One seed per source of variation, so that one can be held while another moves."""

    data: int = 0
    initialisation: int = 0
    preferences: int = 0
    solver: int = 0


@dataclass(frozen=True)
class Setting:
    """What a solver is told once, before the first step.

    rays: [R, m], the preferences that a finite Pareto set is trained and judged on.
    steps_per_epoch, total_steps: total is None under a budget of seconds.
    """

    rays: Tensor
    seeds: Seeds
    steps_per_epoch: int
    total_steps: int | None


class Solver(ABC):
    """Learns a Pareto set step by step.

    A solver plugin is a dataclass (`@dataclass(eq=False)`); its fields are its options. The core
    owns everything around the step: batches, budget, progress, checkpoints, timing, judging.
    """

    def n_weight_sets(self, n_rays: int) -> int:
        """How many weight sets of the target one step runs, where the suite has `n_rays` finite rays.

        The core plans for that many; a solver that says nothing is planned for one.
        """
        return 1

    @abstractmethod
    def start(self, problem: Problem, setting: Setting) -> None:
        """Build what is trained. torch's global random state is seeded with
        `setting.seeds.initialisation` before this call.

        Raises: IncompatibleError, with the reason, for a problem it cannot serve.
        """

    @abstractmethod
    def step(self, batch: Samples) -> Tensor:
        """One step on a prepared batch. Returns the losses [K, m] it saw, detached."""

    @property
    @abstractmethod
    def pareto_set(self) -> ParetoSet:
        """What has been learned so far."""

    @property
    def notes(self) -> dict[str, float | int | str]:
        """What the record is to say beside its numbers, as how often a program had no solution."""
        return {}

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything needed to go on as if never interrupted; tensors and plain values only."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take up the state that `state_dict` gave, after `start` with the same arguments."""
