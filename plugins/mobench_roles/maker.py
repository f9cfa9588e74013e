"""The network that makes weights, whatever it is given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from mobench.interfaces import Problem


class WeightMaker(nn.Module):
    """Inputs [K, n] → h [K, features] → target weights, name -> [K, *shape].

    The heads' bias starts as a fresh target's weights and their matrix small, so that what is made
    begins near an ordinary initialisation and its conditions as small deviations from it.
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
            head.bias.data.copy_(p.detach().flatten())
        self.heads = nn.ModuleList(heads)

    def forward(self, given: Tensor) -> dict[str, Tensor]:
        return self.from_features(self.trunk(given))

    def from_features(self, h: Tensor) -> dict[str, Tensor]:
        """Weights from what the trunk gave, [K, features]."""
        made = zip(self._shapes.items(), self.heads, strict=True)
        return {name: head(h).reshape(len(h), *shape) for (name, shape), head in made}


def _spread(tensor: Tensor) -> float:
    """A tensor's standard deviation; of a single number or zeros, a tenth."""
    deviation = float(tensor.detach().float().std(correction=0))
    return deviation if deviation > 0 else 0.1
