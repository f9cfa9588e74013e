"""Generator `stack`: K independent target networks as one Pareto set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mobench.errors import PreferenceError
from mobench.interfaces import Generator, ParetoNetwork, Problem, Statistics, WeightNetwork, check_preferences, own_gram


@dataclass(frozen=True)
class Stack(Generator):
    """One freshly initialised target network per ray, or one copy of a pretrained network."""

    finite: ClassVar[bool] = True
    keeps_statistics: ClassVar[bool] = True
    starts_pretrained: ClassVar[bool] = True

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        check_preferences(rays, problem.n_objectives)
        return StackedNets(problem, rays)


class StackedNets(WeightNetwork):
    """The weights of K networks, stored as one tensor [K, *shape] per name, and their running statistics.

    The networks share only frozen parameters, so the Gram matrix of one network depends only on its own gradients.
    One optimiser trains all of them, because Adam and SGD work element by element.
    """

    def __init__(self, problem: Problem, rays: Tensor) -> None:
        super().__init__(problem)
        self._rays = rays
        nets = [problem.new_target() for _ in range(len(rays))]
        # parameter names contain dots, which ParameterDict does not accept
        self._names = list(problem.shapes)
        parameters = [dict(net.named_parameters()) for net in nets]
        self.stacked = nn.ParameterList(
            nn.Parameter(torch.stack([p[name].detach() for p in parameters])) for name in self._names
        )
        names = problem.state.statistics
        buffers = [dict(net.named_buffers()) for net in nets]
        self.statistics = (
            Statistics([{name: buffers_of_net[name] for name in names} for buffers_of_net in buffers])
            if names
            else None
        )

    @property
    def rays(self) -> Tensor:
        return self._rays

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        """Return the weights of the networks that were trained for these preferences.

        For all rays in their order, the result is the stored tensors themselves; otherwise it is copies.

        Raises: PreferenceError for a preference that no network was trained for.
        """
        check_preferences(preferences, self.problem.n_objectives)
        if preferences is self._rays or (
            preferences.shape == self._rays.shape and torch.equal(preferences, self._rays)
        ):  # comparing values waits for the device
            return {**dict(zip(self._names, self.stacked, strict=True)), **self._statistics(None)}
        index = self._find(preferences)
        selected = {name: tensor[index] for name, tensor in zip(self._names, self.stacked, strict=True)}
        return {**selected, **self._statistics(index)}

    @property
    def n_stored_parameters(self) -> int:
        return super().n_stored_parameters + len(self._rays) * self.problem.state.n_statistics

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        return own_gram(cotangents)

    def _statistics(self, index: Tensor | None) -> dict[str, Tensor]:
        return {} if self.statistics is None else self.statistics.named(index)

    def _find(self, preferences: Tensor) -> Tensor:
        distances = (preferences[:, None] - self._rays[None]).abs().amax(-1)
        nearest, index = distances.min(dim=1)
        if bool((nearest > 1e-5).any()):
            bad = preferences[int(nearest.argmax())].tolist()
            raise PreferenceError(
                f"no net was trained for preference {bad}: this set serves {self._rays.tolist()} only"
            )
        return index
