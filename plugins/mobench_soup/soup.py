"""Solver `soup`: averages of networks that were fine-tuned on single objectives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import torch
from annotated_types import Interval
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import ParetoSet, Problem, Samples, Setting, WeightNetwork, check_preferences
from mobench.options import option
from mobench_linear.stack import StackedNets
from mobench_linear.stack_solver import StackSolver


@dataclass(eq=False)
class RewardedSoup(StackSolver):
    """Rewarded soup (Ramé et al. 2023): one network, then a copy per objective, averaged by the preference.

    For the first part of the budget (`shared`), one network minimises the mean of all losses. Then m copies of it
    continue, copy i on loss i alone. A preference r is served by the weights Σ_i r_i θ_i. The paper starts from a
    pretrained network; here the first part takes its place.
    """

    shared: Annotated[float, Interval(ge=0, lt=1)] = option(
        0.5, "fraction of the budget in which one network is trained on the mean of all losses"
    )

    def check(self, problem: Problem) -> None:
        if problem.state.statistics:
            raise IncompatibleError(
                "RewardedSoup averages weights, and running statistics of averaged networks would not be theirs: build "
                "the network with track_running_stats=False or GroupNorm"
            )

    def initial_rays(self, problem: Problem, setting: Setting) -> Tensor:
        if setting.total_steps is None:
            raise IncompatibleError(
                "RewardedSoup divides its budget in two parts, and the budget is in seconds: give epochs or steps"
            )
        m = problem.n_objectives
        self.n_shared = round(self.shared * setting.total_steps)
        return torch.full((1, m), 1 / m) if self.n_shared else torch.eye(m)

    def step(self, batch: Samples) -> Tensor:
        if self.n_steps == self.n_shared and self.n_shared:
            self._separate()
        return super().step(batch)

    def _separate(self) -> None:
        """Continue with a copy of the network for each objective."""
        m = self.problem.n_objectives
        previous = self.network
        with torch.random.fork_rng(devices=[]):
            copies = StackedNets(self.problem, torch.eye(m, device=self.problem.device, dtype=self.problem.dtype))
        with torch.no_grad():
            for new, old in zip(copies.stacked, previous.stacked, strict=True):
                new.copy_(old.expand_as(new))
        self.train_network(copies)

    @property
    def pareto_set(self) -> ParetoSet:
        return AveragedNets(self.network)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.n_shared and state["n_steps"] > self.n_shared:
            self._separate()
        super().load_state_dict(state)


class AveragedNets(WeightNetwork):
    """The average of m networks, weighted by the preference; of one network, this network for all preferences."""

    def __init__(self, nets: StackedNets) -> None:
        super().__init__(nets.problem)
        self.nets = nets

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        shares = preferences if len(self.nets.rays) > 1 else torch.ones_like(preferences[:, :1])
        stacked = self.nets.weights(self.nets.rays)
        return {name: torch.tensordot(shares, tensor, dims=1) for name, tensor in stacked.items()}
