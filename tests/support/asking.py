"""A guest distribution with a method for every request of a balancer, a sampler and a generator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from mobench import (
    Balancer,
    BalancerContext,
    DirectionBalancer,
    Generator,
    ParetoNetwork,
    Problem,
    Sampler,
    SamplerContext,
    Spec,
    WeightNetwork,
    hookimpl,
    option,
)
from mobench.interfaces import SCOPE_HELP, Statistics, TaskGradient, check_preferences, positive_preferences, seeded

MADE = {"source": "made for tests", "version": "1"}


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec("lengths", "asking:Lengths", "asks for Gram matrices of shared parameters", **MADE),
        Spec("progress", "asking:Progress", "asks for losses after the step", **MADE),
        Spec("agreement", "asking:Agreement", "asks for a second batch", **MADE),
        Spec("unit-signs", "asking:UnitSigns", "asks for the gradients", **MADE),
        Spec("swarm", "asking:Swarm", "learns a set of points without preferences", **MADE),
    ]


@hookimpl
def mobench_samplers() -> list[Spec]:
    return [Spec("sharpening", "asking:Sharpening", "moves from the centre to the vertices", **MADE)]


@hookimpl
def mobench_generators() -> list[Spec]:
    return [Spec("offsets", "asking:Offsets", "one network per ray, as offsets from the first weights", **MADE)]


@dataclass(eq=False)
class Lengths(Balancer):
    """Preferences divided by the lengths of the gradients of shared parameters."""

    needs_gram: ClassVar[bool] = True
    task_gradients: ClassVar[TaskGradient] = "plain"

    scope: Literal["shared", "all"] = option("shared", SCOPE_HELP)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        assert gram is not None
        lengths = gram.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
        return preferences.double() / torch.where(lengths > 0, lengths, 1.0)


@dataclass(eq=False)
class Progress(Balancer):
    """Larger weights for losses that the last step lowered less."""

    needs_losses_after: ClassVar[bool] = True

    def start(self, context: BalancerContext) -> None:
        shape = context.n_preferences, context.n_objectives
        self.factors = torch.ones(shape, dtype=torch.float64, device=context.ideal.device)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        return (preferences.double() * self.factors).to(losses)

    def after_step(self, losses: Tensor, preferences: Tensor, losses_after: Tensor) -> None:
        size = losses.double().abs().clamp_min(1e-12)
        self.factors = torch.softmax((losses_after.double() - losses.double()) / size, dim=1)

    def state_dict(self) -> dict[str, Any]:
        return {"factors": self.factors.clone()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.factors = state["factors"].to(self.factors, copy=True)


@dataclass(eq=False)
class Agreement(Balancer):
    """Preferences times how far the gradients of two batches agree."""

    needs_gram: ClassVar[bool] = True
    needs_second_batch: ClassVar[bool] = True

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        assert gram is not None
        agreement = gram.diagonal(dim1=1, dim2=2)
        return preferences.double() * (1 + torch.sigmoid(agreement))


@dataclass(eq=False)
class UnitSigns(DirectionBalancer):
    """The weighted sum of the signs of the gradients, coordinate by coordinate."""

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        return torch.einsum("km,kmn->kn", preferences.to(gradients), gradients.sign())


@dataclass(eq=False)
class Swarm(DirectionBalancer):
    """The mean gradient of each point, pulled a little towards the other points' mean gradient."""

    needs_preference: ClassVar[bool] = False
    couples_preferences: ClassVar[bool] = True
    learns_set: ClassVar[bool] = True

    def directions(self, losses: Tensor, preferences: Tensor, gradients: Tensor) -> Tensor:
        mean = gradients.mean(1)
        return 0.9 * mean + 0.1 * mean.mean(0, keepdim=True)


@dataclass(eq=False)
class Sharpening(Sampler):
    """Uniform draws, raised to a power that grows during training."""

    needs_total_steps: ClassVar[bool] = True

    def start(self, context: SamplerContext) -> None:
        self.context, self.generator = context, seeded(context.seed)

    def sample(self, step: int) -> Tensor:
        shape = self.context.n_preferences, self.context.n_objectives
        uniform = torch.rand(shape, generator=self.generator, dtype=torch.float64)
        return positive_preferences(uniform ** (1 + 3 * self.context.progress(step)))

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.generator.set_state(state["generator"])


@dataclass(frozen=True)
class Offsets(Generator):
    """One network per ray that starts at the weights of the target network, with running statistics of its own."""

    finite: ClassVar[bool] = True
    keeps_statistics: ClassVar[bool] = True
    starts_pretrained: ClassVar[bool] = True

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        check_preferences(rays, problem.n_objectives)
        return OffsetNetwork(problem, rays)


class OffsetNetwork(WeightNetwork):
    """A tensor [R, *shape] for each weight of the target network."""

    def __init__(self, problem: Problem, rays: Tensor) -> None:
        super().__init__(problem)
        self.own_rays = rays
        nets = [problem.new_target() for _ in rays]
        parameters = [dict(net.named_parameters()) for net in nets]
        self.tensors = nn.ParameterList(
            nn.Parameter(torch.stack([named[name].detach() for named in parameters])) for name in problem.shapes
        )
        names = problem.state.statistics
        buffers = [dict(net.named_buffers()) for net in nets]
        self.statistics = Statistics([{name: named[name] for name in names} for named in buffers]) if names else None

    @property
    def rays(self) -> Tensor:
        return self.own_rays

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        is_all = preferences is self.own_rays
        index = None if is_all else (preferences[:, None] - self.own_rays).abs().amax(2).argmin(1)
        weights = {n: t if index is None else t[index] for n, t in zip(self.problem.shapes, self.tensors, strict=True)}
        return {**weights, **({} if self.statistics is None else self.statistics.named(index))}
