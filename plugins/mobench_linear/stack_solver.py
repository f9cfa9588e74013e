"""Base class of solvers that train a stack of networks on weighted sums, with weights of their own choice."""

from __future__ import annotations

from abc import abstractmethod
from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.interfaces import ParetoSet, Problem, Samples, Setting, Solver
from mobench.numerics import SGD, Adam, Decay, Optimiser, check_schedule, learning_rate_factor
from mobench.options import option
from mobench_linear.stack import StackedNets


@dataclass(eq=False)
class StackSolver(Solver):
    """Trains K networks together; network k minimises the sum of the losses weighted by row k of its rays [K, m].

    The options are those of solvers that combine a generator and a balancer.
    """

    lr: Annotated[float, Gt(0)] = option(1e-3, "learning rate")
    optimiser: Literal["adam", "sgd"] = option("adam", "torch's Adam or SGD")
    momentum: Annotated[float, Interval(ge=0, lt=1)] = option(0.0, "momentum of SGD")
    weight_decay: Annotated[float, Ge(0)] = option(0.0, "L2 penalty on the weights")
    milestones: tuple[Annotated[float, Interval(gt=0, lt=1)], ...] = option(
        (), "fractions of the budget after which the learning rate is multiplied by gamma"
    )
    gamma: Annotated[float, Gt(0)] = option(0.1, "factor of the learning rate at each milestone")
    lr_decay: Decay = option(
        "milestones", "fall of the learning rate: at the milestones, or a cosine to 0 over the budget", added=True
    )
    warmup: Annotated[float, Interval(ge=0, lt=1)] = option(
        0.0, "fraction of the budget during which the learning rate rises linearly", added=True
    )

    @abstractmethod
    def initial_rays(self, problem: Problem, setting: Setting) -> Tensor:
        """Return the rays [K, m] of the networks that are trained from the first step on."""

    def n_weight_sets(self, n_rays: int) -> int:
        return n_rays

    def start(self, problem: Problem, setting: Setting) -> None:
        self.check(problem)
        check_schedule(setting.total_steps, self.lr_decay, self.warmup)
        self.problem, self.total_steps, self.n_steps = problem, setting.total_steps, 0
        rays = self.initial_rays(problem, setting)
        self.train_network(StackedNets(problem, rays.to(problem.device, problem.dtype)))

    def train_network(self, network: StackedNets) -> None:
        """Train a network from the next step on, with a new optimiser."""
        self.network = network
        parameters = list(network.parameters())
        self.torch_optimiser: Optimiser
        if self.optimiser == "adam":
            self.torch_optimiser = Adam(parameters, lr=self.lr, weight_decay=self.weight_decay)
        else:
            self.torch_optimiser = SGD(parameters, lr=self.lr, momentum=self.momentum, weight_decay=self.weight_decay)

    def step(self, batch: Samples) -> Tensor:
        factor = learning_rate_factor(
            self.n_steps, self.total_steps, self.milestones, self.gamma, self.lr_decay, self.warmup
        )
        for group in self.torch_optimiser.param_groups:
            group["lr"] = self.lr * factor
        rays = self.network.rays
        self.torch_optimiser.zero_grad(set_to_none=True)
        losses = self.problem.losses(self.network(batch.inputs, rays), batch)
        self.problem.check_trainable([losses])
        # the training loop reports such losses; a step would spoil the weights. Elsewhere the check would make the
        # device wait
        if losses.device.type == "cpu" and not bool(torch.isfinite(losses).all()):
            return losses.detach()
        (rays * losses).sum().backward()  # type: ignore[no-untyped-call]
        self.torch_optimiser.step()
        self.n_steps += 1
        return losses.detach()

    @property
    def pareto_set(self) -> ParetoSet:
        return self.network

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.torch_optimiser.state_dict(),
            "n_steps": self.n_steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        # a copy, because torch keeps references to the step counters
        self.torch_optimiser.load_state_dict(deepcopy(state["optimiser"]))
        self.n_steps = state["n_steps"]
