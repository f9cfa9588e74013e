"""Generators `noise` and `dropout`: random weights, and predictions averaged over several draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
from annotated_types import Gt, Interval, Len
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import (
    Dataset,
    Generator,
    Outputs,
    ParetoNetwork,
    Predictor,
    Problem,
    check_preferences,
    seeded,
)
from mobench.options import option
from mobench_roles.maker import WeightMaker


@dataclass(frozen=True)
class NoiseConditioned(Generator):
    """Map [noise; preference] to weights, or the preference alone by a hypernetwork with dropout.

    In training, every step draws one network. In prediction, the class probabilities of `samples`
    fixed networks are averaged (arXiv 1710.04759; dropout as in arXiv 1506.02142, but inside the
    hypernetwork).
    """

    takes_named_inputs: ClassVar[bool] = False
    starts_pretrained: ClassVar[bool] = True

    kind: Literal["noise", "dropout"] = option("noise", "what varies: a vector of noise, or which features are dropped")
    noise: Annotated[int, Gt(0)] = option(16, "length of the noise vector")
    rate: Annotated[float, Interval(gt=0, lt=1)] = option(0.2, "share of the hypernetwork's features that is dropped")
    samples: Annotated[int, Gt(0)] = option(16, "networks averaged in prediction")
    hidden: Annotated[tuple[Annotated[int, Gt(0)], ...], Len(1)] = option((100,), "widths of the hidden layers")
    features: Annotated[int, Gt(0)] = option(50, "length of what the heads read")

    def check(self, dataset: Dataset) -> None:
        if len(dataset.input_shape) != 3:
            raise IncompatibleError(
                f"this generator averages class probabilities of images, this dataset has inputs of shape "
                f"{list(dataset.input_shape)}: choose a dataset of images"
            )
        shaped = [head for head, size in dataset.heads.items() if not isinstance(size, int)]
        if shaped:
            raise IncompatibleError(
                f"this generator averages class probabilities of images, head {shaped[0]!r} of this dataset has the "
                f"shape {list(dataset.heads[shaped[0]])}: choose a dataset whose heads have a width"
            )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        self.check(problem.dataset)
        return NoiseConditionedNetwork(problem, self).to(device=problem.device, dtype=problem.dtype)


class NoiseConditionedNetwork(ParetoNetwork):
    """A distribution of networks for every preference."""

    n_drawn: Tensor
    seed: Tensor
    fixed: Tensor

    def __init__(self, problem: Problem, options: NoiseConditioned) -> None:
        super().__init__()
        self.problem, self.options = problem, options
        n_noise = options.noise if options.kind == "noise" else 0
        self.maker = WeightMaker(problem, n_noise + problem.n_objectives, options.hidden, options.features)
        # draws depend only on this seed and a counter, so a resumed run draws the same as an uninterrupted one
        self.register_buffer("seed", torch.randint(0, 2**31, ()))
        self.register_buffer("n_drawn", torch.zeros((), dtype=torch.long))
        self.register_buffer("fixed", self._draw(options.samples, int(self.seed)))
        self._next_seed: int | None = None  # on the host: reading the buffers waits for the device
        self.register_load_state_dict_post_hook(_forget_seed)  # type: ignore[no-untyped-call]

    @property
    def n_stored_parameters(self) -> int:
        return super().n_stored_parameters + self.problem.state.n_constants

    def weights(self, preference: Tensor, drawn: Tensor) -> dict[str, Tensor]:
        """Return the weights for one preference [m] and each of S draws: name -> [S, *shape]."""
        preferences = preference.expand(len(drawn), -1)
        if self.options.kind == "noise":
            weights: dict[str, Tensor] = self.maker(torch.cat([drawn.to(preference), preferences], dim=1))
            return weights
        return self.maker.from_features(self.maker.trunk(preferences) * drawn.to(preference))

    def forward(self, inputs: Tensor, preferences: Tensor) -> Sequence[Outputs]:
        check_preferences(preferences, self.problem.n_objectives)
        if not self.training:
            return [self._average(self.weights(preference, self.fixed), inputs) for preference in preferences]
        if self._next_seed is None:
            self._next_seed = int(self.seed) + 1 + int(self.n_drawn)
        drawn = self._draw(len(preferences), self._next_seed).to(inputs.device, non_blocking=True)
        self._next_seed += 1
        self.n_drawn += 1
        return [
            self.problem.outputs({n: w[0] for n, w in self.weights(preference, draw[None]).items()}, inputs)
            for preference, draw in zip(preferences, drawn, strict=True)
        ]

    def serve(self, preference: Tensor) -> Predictor:
        weights = self.weights(preference, self.fixed)
        return lambda inputs: self._average(weights, inputs)

    def _average(self, weights: dict[str, Tensor], inputs: Tensor) -> Outputs:
        """Return the logarithm of the mean probabilities, which cross-entropy accepts as logits."""
        n = len(self.fixed)
        outputs = [self.problem.outputs({name: w[s] for name, w in weights.items()}, inputs) for s in range(n)]
        return {
            head: torch.stack([output[head].log_softmax(-1) for output in outputs]).logsumexp(0) - torch.tensor(n).log()
            for head in self.problem.dataset.heads
        }

    def _draw(self, n: int, seed: int) -> Tensor:
        """Return standard normal noise [n, noise], or dropout masks [n, features] of 0 and 1 / (1 − rate)."""
        random = seeded(seed)
        if self.options.kind == "noise":
            return torch.randn(n, self.options.noise, generator=random)
        mask = torch.rand(n, self.options.features, generator=random) >= self.options.rate
        return mask.float() / (1 - self.options.rate)


def _forget_seed(network: object, keys: object) -> None:
    assert isinstance(network, NoiseConditionedNetwork)
    network._next_seed = None
