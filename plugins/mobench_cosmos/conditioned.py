"""Generator `input`: a target network with the preference as additional input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

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
from mobench.options import option


@dataclass(frozen=True)
class Input(Generator):
    """The preference is concatenated to the input (arXiv 2103.13392, section 4).

    Flat inputs get m more features, images m more channels, and the target is built for the wider input.
    `channels` selects the content of the additional channels:

    "learnt":   patterns that two transposed convolutions compute from the preference, as in the paper's code,
                trained with the target. They differ between positions, so that a preference can favour one side
                of the image.
    "constant": the preference itself at every position, from which a first convolution can compute no more than a
                bias.
    """

    keeps_statistics: ClassVar[bool] = True
    takes_named_inputs: ClassVar[bool] = False

    channels: Literal["learnt", "constant"] = option(
        "learnt", "input channels added to images: learned patterns, or the preference at every pixel"
    )

    def check(self, dataset: Dataset) -> None:
        if len(dataset.input_shape) not in (1, 3) or 0 in dataset.input_shape:
            raise IncompatibleError(
                f"this dataset has inputs of shape {list(dataset.input_shape)}, to which no preference can be "
                "joined: images [channels, height, width] and features [n] are accepted; choose a generator of weights"
            )

    def build(self, problem: Problem, rays: Tensor) -> ParetoNetwork:
        self.check(problem.dataset)
        return ConditionedNetwork(problem, learnt=self.channels == "learnt" and len(problem.dataset.input_shape) == 3)


@dataclass(frozen=True)
class Wider(Dataset):
    """A dataset whose inputs have m more channels or features."""

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
    """The target, built for the wider input; it processes K preferences as one batch of K × B samples."""

    def __init__(self, problem: Problem, *, learnt: bool) -> None:
        super().__init__()
        self.problem = problem
        self.n_objectives = problem.n_objectives
        wider = problem.model.build(Wider(problem.dataset))
        self.target = wider.to(problem.device, problem.dtype)
        self.patterns = Patterns(self.n_objectives).to(problem.device, problem.dtype) if learnt else None

    def forward(self, inputs: Tensor, preferences: Tensor) -> Sequence[Outputs]:
        check_preferences(preferences, self.n_objectives)
        if not inputs.is_floating_point():
            raise IncompatibleError(
                f"inputs of type {inputs.dtype} cannot be joined with a preference: images and real features "
                "are accepted; choose a generator of weights"
            )
        k, b, sizes = len(preferences), inputs.shape[0], inputs.shape[2:]  # len() would fix an exported network's batch
        images = inputs.expand(k, *inputs.shape)
        if self.patterns is None:
            added = preferences.reshape(k, self.n_objectives, *[1] * len(sizes))
        else:
            added = self.patterns(preferences, (sizes[0], sizes[1]))
        added = added.unsqueeze(1).expand(k, b, self.n_objectives, *sizes)
        outputs = self.problem.outputs_of_network(self.target, torch.cat([images, added], dim=2).flatten(0, 1))
        return [{name: o[i * b : (i + 1) * b] for name, o in outputs.items()} for i in range(k)]


class Patterns(nn.Module):
    """Map preferences [K, m] to m channels [K, m, height, width], with 52 m² weights.

    Two transposed convolutions, to 4 × 4 and 10 × 10, each with a ReLU, then nearest-neighbour interpolation.
    """

    def __init__(self, m: int) -> None:
        super().__init__()
        self.to_4 = nn.ConvTranspose2d(m, m, 4, bias=False)
        self.to_10 = nn.ConvTranspose2d(m, m, 6, stride=2, padding=1, bias=False)

    def forward(self, preferences: Tensor, size: tuple[int, int]) -> Tensor:
        small = functional.relu(self.to_4(preferences[:, :, None, None]))
        return functional.interpolate(functional.relu(self.to_10(small)), size)
