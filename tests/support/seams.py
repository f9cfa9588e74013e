"""A guest distribution with a dataset for every seam of the interfaces, and the models that serve them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from mobench import (
    Dataset,
    Metric,
    Model,
    Objective,
    ParetoSet,
    Problem,
    Protocol,
    Samples,
    Setting,
    Solver,
    Spec,
    hookimpl,
)
from mobench.errors import IncompatibleError
from mobench.interfaces import Outputs, Split, seeded
from mobench.measures import demographic_parity_gap, mean_iou

SIZES: dict[Split, int] = {"train": 160, "val": 60, "test": 80}
MADE = {"source": "made for tests", "version": "1"}


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec("lending", "seams:Lending", "a loss, and a gap between two groups", **MADE),
        Spec("scene", "seams:Scene", "label images and depth: heads with shapes", **MADE),
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec("small-dense", "seams:SmallDense", "two dense layers", **MADE),
        Spec("small-fcn", "seams:SmallFcn", "convolutions that keep the size of images", **MADE),
    ]


def draw_of(split: Split) -> torch.Generator:
    return seeded(len(split))


# fairness: a loss that is no mean over samples


def approval_loss(outputs: Outputs, batch: Samples) -> Tensor:
    return binary_cross_entropy_with_logits(outputs["y"][:, 0], batch.targets["y"].to(outputs["y"]))


@dataclass(frozen=True)
class Lending(Dataset):
    """Binary labels that depend on a group: accuracy against equal rates of approval."""

    objectives = (
        Objective("error", approval_loss),
        Objective(
            "gap",
            demographic_parity_gap("y", "group"),
            (Metric("gap of decisions", demographic_parity_gap("y", "group", threshold=0.5), higher_is_better=False),),
        ),
    )
    heads = {"y": 1}  # noqa: RUF012
    input_shape = (4,)
    protocol = Protocol("lending-1", (1.0, 1.0), (0.0, 0.0), (0.7, 0.5))

    def load(self, split: Split) -> Samples:
        draw, n = draw_of(split), SIZES[split]
        group = (torch.rand(n, generator=draw) < 0.3).long()
        inputs = torch.randn(n, 4, generator=draw)
        inputs[:, 3] = group
        labels = inputs[:, 0] + 2 * group - 0.5 + 0.3 * torch.randn(n, generator=draw) > 0
        return Samples(inputs, {"y": labels.long(), "group": group})


class _Dense(nn.Module):
    def __init__(self, n_inputs: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, 8)
        self.heads = nn.ModuleDict({name: nn.Linear(8, width) for name, width in heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.hidden(inputs).tanh()
        return {name: head(features) for name, head in self.heads.items()}


@dataclass(frozen=True)
class SmallDense(Model):
    """Two dense layers for flat inputs."""

    def check(self, dataset: Dataset) -> None:
        flat_inputs(dataset)

    def build(self, dataset: Dataset) -> nn.Module:
        return _Dense(flat_inputs(dataset), dataset.heads)


def flat_inputs(dataset: Dataset) -> int:
    if len(dataset.input_shape) != 1 or 0 in dataset.input_shape:
        raise IncompatibleError(f"small-dense takes flat inputs, not {dataset.input_shape}: choose another model")
    return int(dataset.input_shape[0])


# heads with shapes


def pixel_loss(outputs: Outputs, batch: Samples) -> Tensor:
    return cross_entropy(outputs["segmentation"], batch.targets["segmentation"])


def depth_loss(outputs: Outputs, batch: Samples) -> Tensor:
    return (outputs["depth"] - batch.targets["depth"]).abs().mean()


@dataclass(frozen=True)
class Scene(Dataset):
    """Images whose brightest channel is the label of a pixel, and whose mean is its depth."""

    objectives = (
        Objective("segmentation", pixel_loss, (Metric("mean IoU", mean_iou("segmentation", 3)),)),
        Objective("depth", depth_loss),
    )
    heads = {"segmentation": (3, 6, 6), "depth": (1, 6, 6)}  # noqa: RUF012
    input_shape = (3, 6, 6)
    protocol = Protocol("scene-1", (2.0, 2.0), (0.0, 0.0), (1.1, 0.5))

    def load(self, split: Split) -> Samples:
        images = torch.rand(SIZES[split], 3, 6, 6, generator=draw_of(split))
        return Samples(images, {"segmentation": images.argmax(1), "depth": images.mean(1, keepdim=True)})


class _Fcn(nn.Module):
    def __init__(self, channels: int, heads: Mapping[str, tuple[int, int, int]]) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 8, 1)
        self.heads = nn.ModuleDict({name: nn.Conv2d(8, shape[0], 1) for name, shape in heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.first(inputs).tanh()
        return {name: head(features) for name, head in self.heads.items()}


@dataclass(frozen=True)
class SmallFcn(Model):
    """Two 1×1 convolutions, with an image for each head."""

    takes_head_shapes = True

    def check(self, dataset: Dataset) -> None:
        size = dataset.input_shape[1:]
        if not all(isinstance(shape, tuple) and shape[1:] == size for shape in dataset.heads.values()):
            raise IncompatibleError(f"small-fcn makes images of the size of its inputs, not {dict(dataset.heads)}")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _Fcn(dataset.input_shape[0], dataset.heads)


# a solver that declines


@hookimpl
def mobench_solvers() -> list[Spec]:
    return [Spec("small-solver", "seams:SmallSolver", "declines networks of more than 20 weights", **MADE)]


@dataclass(eq=False)
class SmallSolver(Solver):
    """A solver for very small networks, which is declined for all others before it starts."""

    def check(self, problem: Problem) -> None:
        if problem.n_target_parameters > 20:
            raise IncompatibleError(
                f"small-solver trains at most 20 weights, the target has {problem.n_target_parameters}: choose another"
            )

    def start(self, problem: Problem, setting: Setting) -> None:
        raise AssertionError("started although it was declined")

    def step(self, batch: Samples) -> Tensor:
        raise AssertionError

    @property
    def pareto_set(self) -> ParetoSet:
        raise AssertionError

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass
