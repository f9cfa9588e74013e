"""Generator `phn`: the Pareto hypernetwork, a small trunk with a linear head for each tensor of the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt, Len
from torch import Tensor, nn

from mobench.interfaces import Generator, ParetoNetwork, Problem, WeightNetwork, check_preferences, inner_products
from mobench.options import option


@dataclass(frozen=True)
class PHN(Generator):
    """Preference → MLP → h → one linear map per target tensor (arXiv 2010.04104, section 3).

    With the LeNet of 31,910 parameters, it has 3,243,410 parameters.
    """

    starts_pretrained: ClassVar[bool] = True

    hidden: Annotated[tuple[Annotated[int, Gt(0)], ...], Len(1)] = option((100, 100), "widths of the hidden layers")
    features: Annotated[int, Gt(0)] = option(100, "length of h, what the heads read")

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        widths = (problem.n_objectives, *self.hidden)
        layers: list[nn.Module] = []
        for a, b in pairwise(widths):
            layers += [nn.Linear(a, b), nn.ReLU()]
        # as published, there is no activation between h and the heads
        trunk = nn.Sequential(*layers, nn.Linear(widths[-1], self.features))
        network = ParetoHypernetwork(problem, trunk, self.features)
        return network.to(device=problem.device, dtype=problem.dtype)


class ParetoHypernetwork(WeightNetwork):
    """Hypernetwork θ_t = W_t h(r) + b_t for every target tensor t, reshaped.

    The heads are stored as one matrix, so that one product computes all weights: [K, d] × [d, n].
    Their initial values are those of separate linear layers, or zero around pretrained weights, which are added.

    trunk: maps preferences [K, m] to h [K, features].
    """

    def __init__(self, problem: Problem, trunk: nn.Module, features: int) -> None:
        super().__init__(problem)
        self.trunk = trunk
        self.heads = nn.Linear(features, problem.n_target_parameters)
        self.pretrained = problem.pretrained_weights()
        if problem.model.pretrained:
            nn.init.zeros_(self.heads.weight)
            nn.init.zeros_(self.heads.bias)
        self._shapes = problem.shapes
        self._sizes = [shape.numel() for shape in self._shapes.values()]

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        return self.pretrained.plus(self._split(self.heads(self.trunk(preferences))))

    def gram(self, preferences: Tensor, weights: Mapping[str, Tensor], cotangents: Mapping[str, Tensor]) -> Tensor:
        """Return the Gram matrices with respect to the hypernetwork's parameters, without m × |φ| numbers.

        With h the trunk's output and g_i the gradient of loss i with respect to the generated weights,
        the heads W h + b contribute (g_i · g_j)(h · h + 1), since ∂/∂W = g hᵀ and ∂/∂b = g. The
        contribution of the trunk, a few thousand parameters, is computed by backpropagating Wᵀ g_i.
        """
        flat = torch.cat([cotangents[name].flatten(2) for name in self._shapes], dim=2)
        features = self.trunk(preferences)
        h = features.detach()
        heads: Tensor = inner_products(flat) * (h.double().square().sum(1) + 1)[:, None, None]
        at_features = flat @ self.heads.weight.detach()
        trunk = [self._trunk_gram(features[k], at_features[k]) for k in range(len(features))]
        return heads + torch.stack(trunk)

    def _trunk_gram(self, features: Tensor, cotangents: Tensor) -> Tensor:
        parameters = list(self.trunk.parameters())
        # a loop takes half the time of a batched call at two or three objectives
        rows = [torch.autograd.grad(features, parameters, cotangent, retain_graph=True) for cotangent in cotangents]
        return inner_products(torch.stack([torch.cat([g.flatten() for g in row]) for row in rows]))

    def _split(self, flat: Tensor) -> dict[str, Tensor]:
        """Split [K, n] into named tensors [K, *shape]; these are views, not copies."""
        pieces = torch.split(flat, self._sizes, dim=1)
        return {
            name: piece.reshape(len(flat), *shape)
            for (name, shape), piece in zip(self._shapes.items(), pieces, strict=True)
        }
