"""MLP hypernetwork that maps any conditioning vector to target weights."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from mobench.interfaces import Problem


class WeightMaker(nn.Module):
    """Map inputs [K, n] to h [K, features] and then to target weights, name -> [K, *shape].

    The biases of the heads start as the weights of a newly initialised target, and their matrices
    start small. The generated weights therefore start near an ordinary initialisation, and the
    inputs cause small deviations from it. For a pretrained model the biases are its weights, and the
    matrices start at zero.
    """

    def __init__(self, problem: Problem, n_inputs: int, hidden: Sequence[int], features: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for a, b in pairwise((n_inputs, *hidden)):
            layers += [nn.Linear(a, b), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.Linear(hidden[-1], features))
        self._shapes = problem.shapes
        heads = [nn.Linear(features, shape.numel()) for shape in self._shapes.values()]
        for head, p in zip(heads, problem.new_weights().values(), strict=True):
            nn.init.normal_(head.weight, std=0.3 * _spread(p) / features**0.5)
            if problem.model.pretrained:
                nn.init.zeros_(head.weight)
            head.bias.data.copy_(p.detach().flatten())
        self.heads = nn.ModuleList(heads)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        return self.from_features(self.trunk(inputs))

    def from_features(self, h: Tensor) -> dict[str, Tensor]:
        """Return the weights for the trunk's output h [K, features]."""
        heads = zip(self._shapes.items(), self.heads, strict=True)
        return {name: head(h).reshape(len(h), *shape) for (name, shape), head in heads}


def _spread(tensor: Tensor) -> float:
    """Return the standard deviation of a tensor, or 0.1 where it is 0."""
    deviation = float(tensor.detach().float().std(correction=0))
    return deviation if deviation > 0 else 0.1
