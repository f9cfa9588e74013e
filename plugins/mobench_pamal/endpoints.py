"""Generator `endpoints`: a Pareto set whose weights are linear in the preference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from mobench.interfaces import Generator, ParetoNetwork, Problem, WeightNetwork, check_preferences, own_gram


@dataclass(frozen=True)
class Endpoints(Generator):
    """Weights θ(r) = Σ r_i θ_i of m endpoint networks (arXiv 2210.09759, section 4); stores m × |θ| numbers.

    The endpoints start as m new target networks, or as m copies of a pretrained one.
    """

    starts_pretrained: ClassVar[bool] = True

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        return EndpointNetwork(problem)


class EndpointNetwork(WeightNetwork):
    """m freshly initialised endpoints, stored as one tensor [m, *shape] per parameter name."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        nets = [problem.new_weights() for _ in range(problem.n_objectives)]
        self._names = list(problem.shapes)
        self.endpoints = nn.ParameterList(
            nn.Parameter(torch.stack([net[name] for net in nets])) for name in self._names
        )

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        return {
            name: torch.einsum("km,m...->k...", preferences, endpoints)
            for name, endpoints in zip(self._names, self.endpoints, strict=True)
        }

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the Gram matrix with respect to θ times Σ r_i², since ∂L/∂θ_i = r_i ∂L/∂θ."""
        return own_gram(cotangents) * preferences.square().sum(1)[:, None, None]
