"""Generator `film`: feature-wise linear modulation of every layer by the preference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Generator, ParetoNetwork, Problem, WeightNetwork, check_preferences
from mobench.options import option


@dataclass(frozen=True)
class Film(Generator):
    """The output y of every layer with a bias becomes (1 + γ(r)) y + β(r), one γ and β per channel.

    γ and β are computed from the preference by a network with one hidden layer (Dosovitskiy & Djolonga 2020). Since a
    layer is linear before its activation, this scales the rows of its weights and its bias, and adds β to the bias.
    """

    starts_pretrained: ClassVar[bool] = True

    hidden: Annotated[int, Gt(0)] = option(64, "width of the hidden layer of the conditioning network")

    def check_problem(self, problem: Problem) -> None:
        if not layers_of(problem):
            raise IncompatibleError(
                "FiLM scales and shifts the outputs of layers with a bias, and the target network has none: build it "
                "with biases, or choose another generator"
            )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        self.check_problem(problem)
        return FilmNetwork(problem, self.hidden).to(problem.device, problem.dtype)


class FilmNetwork(WeightNetwork):
    """One target network, and a small network that maps a preference to γ and β of all channels."""

    def __init__(self, problem: Problem, hidden: int) -> None:
        super().__init__(problem)
        weights = problem.new_weights()
        self._names = list(problem.shapes)
        self.main = nn.ParameterList(nn.Parameter(weights[name].clone()) for name in self._names)
        self._layers = layers_of(problem)
        self._sizes = list(self._layers.values())
        self.conditioning = nn.Sequential(
            nn.Linear(problem.n_objectives, hidden), nn.ReLU(), nn.Linear(hidden, 2 * sum(self._sizes))
        )
        if problem.model.pretrained:
            last = self.conditioning[2]
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def weights(self, preferences: Tensor) -> dict[str, Tensor]:
        check_preferences(preferences, self.problem.n_objectives)
        scales, shifts = self.conditioning(preferences).chunk(2, dim=1)
        pieces = (torch.split(values, self._sizes, dim=1) for values in (1 + scales, shifts))
        by_layer = {layer: piece for layer, *piece in zip(self._layers, *pieces, strict=True)}
        weights = {}
        for name, main in zip(self._names, self.main, strict=True):
            layer = layer_of(name)
            if layer not in by_layer:
                weights[name] = main.expand(len(preferences), *main.shape)
                continue
            scale, shift = by_layer[layer]
            weights[name] = main * scale.reshape(len(scale), -1, *[1] * (main.ndim - 1))
            if is_bias(name):
                weights[name] = weights[name] + shift
        return weights


def layer_of(name: str) -> str:
    """Return the layer of a parameter: "conv.weight" -> "conv"; a parameter of the network itself is its own layer."""
    return name.rpartition(".")[0] or name


def is_bias(name: str) -> bool:
    """Return whether a parameter takes β: a bias, or a vector of the network itself."""
    return name.endswith(".bias") or "." not in name


def layers_of(problem: Problem) -> dict[str, int]:
    """Return the layers with a bias and their number of channels.

    A vector that belongs to the network itself, such as the point of an analytic problem, is a bias.
    """
    return {layer_of(name): shape[0] for name, shape in problem.shapes.items() if is_bias(name) and len(shape) == 1}
