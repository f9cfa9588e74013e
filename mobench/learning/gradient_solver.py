"""Gradient solver: trains a generator with a balancer. Most methods of the field are an instance of it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Gt, Interval
from torch import Tensor

from mobench.errors import IncompatibleError, NonFiniteError
from mobench.interfaces import (
    Balancer,
    BalancerContext,
    Dirichlet,
    Generator,
    ParetoNetwork,
    Problem,
    Sampler,
    SamplerContext,
    Samples,
    Setting,
    Solver,
    WeightNetwork,
    check_generator,
    check_start,
)
from mobench.interfaces.target_state import statistics_declined
from mobench.learning.backward import Backward
from mobench.learning.backward_through_outputs import BackwardThroughOutputs
from mobench.learning.backward_through_weights import BackwardThroughWeights
from mobench.learning.divergence import check_losses
from mobench.learning.pairing import check_pair, check_sampler
from mobench.learning.samplers import DEFAULT, FixedRays
from mobench.learning.trained_points import TrainedPoints
from mobench.numerics import SGD, Adam, Decay, Optimiser, RMSprop, check_schedule, learning_rate_factor
from mobench.options import option


@dataclass(frozen=True)
class GradientOptions:
    """Training options of a generator and a balancer."""

    lr: Annotated[float, Gt(0)] = option(1e-3, "learning rate")
    optimiser: Literal["adam", "sgd", "rmsprop"] = option("adam", "torch's Adam, SGD or RMSprop")
    momentum: Annotated[float, Interval(ge=0, lt=1)] = option(0.0, "momentum of SGD and RMSprop")
    weight_decay: Annotated[float, Ge(0)] = option(0.0, "L2 penalty on what is trained")
    alpha: Annotated[float, Gt(0)] = option(
        0.2, "concentration of the Dirichlet that preferences are drawn from; 1 is uniform on the simplex"
    )
    sampler: str = option(DEFAULT, "sampler of the preferences of each step, see `mobench list samplers`", added=True)
    n_preferences: Annotated[int, Gt(0)] = option(1, "preferences drawn for each step; a finite set trains all its own")
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


class GradientSolver(Solver):
    """Trains `generator` with gradients weighted by `balancer`.

    One step (a common form of algorithm 1 of the methods' papers): draw preferences, generate weights,
    compute the losses, get α from the balancer, and pull Σ α_i ∇L_i back through the generator. The m
    backward passes go through the target network only; one backward pass goes through the generator.

    sampler: chooses the preferences of each step, unless the generator is finite; None for the default one. It takes
        precedence over `options.sampler`, which is only its name.
    """

    def __init__(
        self, generator: Generator, balancer: Balancer, options: GradientOptions, sampler: Sampler | None = None
    ) -> None:
        self.generator = generator
        self.balancer = balancer
        self.options = options
        self._chosen_sampler = sampler or Dirichlet()

    def n_weight_sets(self, n_rays: int) -> int:
        if not self.generator.finite:
            return self.options.n_preferences
        return n_rays if self._has_several_points else 1

    def check(self, problem: Problem) -> None:
        names = f"{type(self.generator).__name__}+{type(self.balancer).__name__}"
        check_pair(self.generator, self.balancer, self.options.n_preferences, names)
        if problem.state.statistics and not self.generator.keeps_statistics:
            raise IncompatibleError(statistics_declined(problem.state.layers, type(self.generator).__name__))
        check_generator(self.generator, problem.dataset)
        check_start(self.generator, problem.model)
        self.generator.check_problem(problem)

    def start(self, problem: Problem, setting: Setting) -> None:
        self.check(problem)
        check_schedule(setting.total_steps, self.options.lr_decay, self.options.warmup)
        self.problem = problem
        rays = setting.rays if self._has_several_points else _middle(setting.rays)
        self.network = self.generator.build(problem, rays.to(problem.device, problem.dtype))
        check_generator(self.generator, problem.dataset, self.network)
        n_preferences = self.options.n_preferences if self.network.rays is None else len(self.network.rays)
        self.sampler = self._sampler(setting, n_preferences)
        self.balancer.start(
            BalancerContext(
                n_preferences=n_preferences,
                n_objectives=problem.n_objectives,
                reference=torch.tensor(problem.protocol.reference, dtype=problem.dtype, device=problem.device),
                ideal=torch.tensor(problem.protocol.ideal, dtype=problem.dtype, device=problem.device),
                seed=setting.seeds.solver,
                steps_per_epoch=setting.steps_per_epoch,
                total_steps=setting.total_steps,
                likelihoods=tuple(objective.likelihood for objective in problem.dataset.objectives),
            )
        )
        self.n_preferences = n_preferences
        self.backward = self._backward()
        self._error_after: NonFiniteError | None = None
        self.n_steps = 0
        self.total_steps = setting.total_steps
        self.optimiser = self._optimiser()

    @property
    def n_batches(self) -> int:
        return 2 if self.balancer.needs_second_batch else 1

    def step(self, batch: Samples, *more: Samples) -> Tensor:
        drawn = self.sampler.sample(self.n_steps)
        preferences = drawn.to(self.problem.device, self.problem.dtype, non_blocking=True)
        self._schedule()
        self.optimiser.zero_grad(set_to_none=True)
        losses = self.backward(preferences, batch, *more)
        if self._error_after is not None:  # the checks of this step found no nearer cause
            raise self._error_after
        self.network.after_backward(self.n_steps, self.total_steps)
        self.optimiser.step()
        if self.balancer.needs_losses_after:
            self._after_step(losses, preferences, self.backward.losses_of(preferences, batch))
        self.n_steps += 1
        return losses

    def _after_step(self, losses: Tensor, preferences: Tensor, losses_after: Tensor) -> None:
        """Pass the losses after a step to the balancer, unless they are not finite, which the next step reports."""
        try:
            check_losses(losses_after, [o.name for o in self.problem.objectives])
        except NonFiniteError as error:
            self._error_after = error
        else:
            self.balancer.after_step(losses, preferences, losses_after)

    @property
    def pareto_set(self) -> ParetoNetwork | TrainedPoints:
        return TrainedPoints(self.network) if self.balancer.learns_set else self.network

    @property
    def notes(self) -> dict[str, float | int | str]:
        return {f"balancer: {name}": value for name, value in self.balancer.notes.items()}

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "balancer": self.balancer.state_dict(),
            "sampler": self.sampler.state_dict(),
            "n_steps": self.n_steps,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        # a copy, because torch keeps references to the step counters
        self.optimiser.load_state_dict(deepcopy(state["optimiser"]))
        self.balancer.load_state_dict(state["balancer"])
        self.sampler.load_state_dict(state["sampler"])
        self._error_after = None
        self.n_steps = state["n_steps"]

    @property
    def _has_several_points(self) -> bool:
        return self.balancer.needs_preference or self.balancer.learns_set

    def _backward(self) -> Backward:
        if self.balancer.scope == "representation":
            self._check_representation()
        if isinstance(self.network, WeightNetwork):
            return BackwardThroughWeights(self.problem, self.balancer, self.network)
        return BackwardThroughOutputs(self.problem, self.balancer, self.network)

    def _check_representation(self) -> None:
        """Raise IncompatibleError if gradients with respect to the representation cannot be computed."""
        reasons = {
            f"each step has {self.n_preferences} preferences": self.n_preferences > 1,
            f"{type(self.generator).__name__} generates no weights": not isinstance(self.network, WeightNetwork),
            "the balancer asks for gradients or a second batch": self.balancer.needs_gradients
            or self.balancer.needs_second_batch,
        }
        for reason, holds in reasons.items():
            if holds:
                raise IncompatibleError(
                    f"balancer.scope is 'representation', but {reason}: set the scope to 'shared' or 'all', or use a "
                    "balancer of Gram matrices with one network of a stack"
                )

    def _sampler(self, setting: Setting, n_preferences: int) -> Sampler:
        if self.network.rays is not None:
            return FixedRays(self.network.rays)
        sampler, m = self._chosen_sampler, self.problem.n_objectives
        check_sampler(sampler, type(sampler).__name__, m, n_preferences, setting.total_steps is not None)
        sampler.start(
            SamplerContext(
                n_objectives=m,
                n_preferences=n_preferences,
                seed=setting.seeds.preferences,
                alpha=self.options.alpha,
                steps_per_epoch=setting.steps_per_epoch,
                total_steps=setting.total_steps,
            )
        )
        return sampler

    def _optimiser(self) -> Optimiser:
        o, parameters = self.options, [p for p in self.network.parameters() if p.requires_grad]
        if o.optimiser == "adam":
            return Adam(parameters, lr=o.lr, weight_decay=o.weight_decay)
        if o.optimiser == "sgd":
            return SGD(parameters, lr=o.lr, momentum=o.momentum, weight_decay=o.weight_decay)
        return RMSprop(parameters, lr=o.lr, momentum=o.momentum, weight_decay=o.weight_decay)

    def _schedule(self) -> None:
        o = self.options
        if not (o.milestones or o.lr_decay == "cosine" or o.warmup):
            return
        factor = learning_rate_factor(self.n_steps, self.total_steps, o.milestones, o.gamma, o.lr_decay, o.warmup)
        for group in self.optimiser.param_groups:
            group["lr"] = o.lr * factor


def _middle(rays: Tensor) -> Tensor:
    """Return the ray [1, m] with equal preferences, for balancers that give one point."""
    return torch.full_like(rays[:1], 1 / rays.shape[1])
