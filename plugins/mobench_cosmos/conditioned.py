"""A target network that reads the preference beside its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import (
    Dataset,
    Generator,
    Objective,
    Outputs,
    ParetoNetwork,
    Problem,
    Protocol,
    Samples,
    Split,
    check_preferences,
)


@dataclass(frozen=True)
class Input(Generator):
    """The preference joined to the input (arXiv 2103.13336, section 4).

    Images get m constant channels, flat inputs m features; the target is built for the wider input.
    """

    def check(self, dataset: Dataset) -> None:
        if len(dataset.input_shape) not in (1, 3) or 0 in dataset.input_shape:
            raise IncompatibleError(
                f"this dataset has inputs of shape {list(dataset.input_shape)}, to which no preference can be "
                "joined: images [channels, height, width] and features [n] are accepted; choose a generator of weights"
            )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        self.check(problem.dataset)
        return ConditionedNetwork(problem)


@dataclass(frozen=True)
class Wider(Dataset):
    """A dataset whose inputs have m channels, or features, more."""

    inner: Dataset

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return self.inner.objectives

    @property
    def heads(self) -> Mapping[str, int]:
        return self.inner.heads

    @property
    def input_shape(self) -> tuple[int, ...]:
        first, *rest = self.inner.input_shape
        return (first + len(self.inner.objectives), *rest)

    @property
    def protocol(self) -> Protocol:
        return self.inner.protocol

    def load(self, split: Split) -> Samples:
        return self.inner.load(split)

    def prepare(self, batch: Samples) -> Samples:
        return self.inner.prepare(batch)

    def known_front(self, n_points: int) -> Tensor | None:
        return self.inner.known_front(n_points)


class ConditionedNetwork(ParetoNetwork):
    """The target, built for the wider input; K preferences go through it as one batch of K × B."""

    def __init__(self, problem: Problem) -> None:
        super().__init__()
        self.n_objectives = problem.n_objectives
        wider = problem.model.build(Wider(problem.dataset))
        self.target = wider.to(device=problem.device, dtype=problem.dtype)

    def forward(self, inputs: Tensor, preferences: Tensor) -> Sequence[Outputs]:
        check_preferences(preferences, self.n_objectives)
        if not inputs.is_floating_point():
            raise IncompatibleError(
                f"inputs of type {inputs.dtype} have no room for a preference beside them: images and real features "
                "are accepted; choose a generator of weights"
            )
        k, b = len(preferences), inputs.shape[0]  # len() would fix the batch of an exported network
        images = inputs.expand(k, *inputs.shape)
        shape = (k, b, self.n_objectives, *inputs.shape[2:])
        planes = preferences.reshape(k, 1, self.n_objectives, *[1] * (inputs.ndim - 2)).expand(shape)
        outputs = self.target(torch.cat([images, planes], dim=2).flatten(0, 1))
        return [{name: o[i * b : (i + 1) * b] for name, o in outputs.items()} for i in range(k)]
