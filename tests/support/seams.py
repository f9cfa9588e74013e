"""A guest distribution with a dataset for every seam of the interfaces, and the models that serve them."""

from __future__ import annotations

import atexit
import math
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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
    StoredSamples,
    TaskSamples,
    hookimpl,
    option,
)
from mobench.array_files import ArrayRows
from mobench.errors import IncompatibleError
from mobench.interfaces import Outputs, Split, seeded
from mobench.measures import demographic_parity_gap, masked_mean, mean_iou, r_squared

SIZES: dict[Split, int] = {"train": 160, "val": 60, "test": 80}
MADE = {"source": "made for tests", "version": "1"}


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec("lending", "seams:Lending", "a loss, and a gap between two groups", **MADE),
        Spec("scene", "seams:Scene", "label images and depth: heads with shapes", **MADE),
        Spec("offices", "seams:Offices", "inputs of their own for every task", **MADE),
        Spec("gaps", "seams:Gaps", "labels of which some are missing", **MADE),
        Spec("phrases", "seams:Phrases", "token ids and a mask: named inputs", **MADE),
        Spec("molecules", "seams:Molecules", "padded graphs: named inputs", **MADE),
        Spec("album", "seams:Album", "images in files, read in batches", **MADE),
        Spec("desks", "seams:Desks", "rows in files and in memory for every task", **MADE),
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec("small-dense", "seams:SmallDense", "two dense layers", **MADE),
        Spec("tuned-dense", "seams:TunedDense", "a frozen layer, a pretrained one and new heads", **MADE),
        Spec("small-fcn", "seams:SmallFcn", "convolutions that keep the size of images", **MADE),
        Spec("bag-of-words", "seams:BagOfWords", "the mean embedding of the tokens", **MADE),
        Spec("small-gnn", "seams:SmallGnn", "one step of messages between atoms", **MADE),
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


class _Tuned(nn.Module):
    def __init__(self, n_inputs: int, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.frozen, self.tuned = nn.Linear(n_inputs, 8), nn.Linear(8, 8)
        draw = seeded(11)  # stands for a file of weights
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=draw) / 3)
        self.frozen.requires_grad_(False)
        self.heads = nn.ModuleDict({name: nn.Linear(8, width) for name, width in heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.tuned(self.frozen(inputs).tanh()).tanh()
        return {name: head(features) for name, head in self.heads.items()}


@dataclass(frozen=True)
class TunedDense(SmallDense):
    """A frozen layer, a layer with pretrained weights, and new heads."""

    pretrained: bool = option(True, "start from the stored weights")

    def build(self, dataset: Dataset) -> nn.Module:
        return _Tuned(flat_inputs(dataset), dataset.heads)


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


# samples that stay on disk


@cache
def stored(split: Split) -> Path:
    """Return the folder of a split of `Album`; its files are written at the first call."""
    folder = _folder() / split
    folder.mkdir()
    images = torch.randint(0, 256, (SIZES[split], 3, 6, 6), generator=draw_of(split), dtype=torch.uint8)
    np.save(folder / "images.npy", images.numpy())
    np.save(folder / "segmentation.npy", images.int().argmax(1).numpy())
    return folder


@cache
def _folder() -> Path:
    # not a TemporaryDirectory, which warns when the module is imported again and this cache is collected
    folder = tempfile.mkdtemp(prefix="mobench-album-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


class Pages:
    """A map-style dataset: images of an album from a file, with targets that are computed from them."""

    def __init__(self, folder: Path) -> None:
        self.rows = ArrayRows(folder / "images.npy", {"segmentation": folder / "segmentation.npy"})

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> tuple[Tensor, dict[str, Tensor]]:
        image, targets = self.rows[position]
        return image, {**targets, "depth": image.float().mean(0, keepdim=True) / 255}


@dataclass(frozen=True)
class Album(Scene):
    """Images of bytes, in files; labels and depths as in `Scene`."""

    in_memory: bool = option(False, "load all images")
    protocol = Protocol("album-1", (2.0, 2.0), (0.0, 0.0), (1.1, 0.5), subset="random")

    def load(self, split: Split) -> Samples:
        samples = StoredSamples(Pages(stored(split)))
        return samples.take(slice(None)) if self.in_memory else samples


# missing labels


def squared(outputs: Tensor, labels: Tensor) -> Tensor:
    return (outputs[:, 0] - labels).square()


@dataclass(frozen=True)
class Gaps(Dataset):
    """A target of which half is NaN, and classes of which a third is −1; no sample has to have either."""

    objectives = (
        Objective("value", masked_mean(squared, "value"), (Metric("R²", r_squared("value")),)),
        Objective("class", masked_mean(partial(cross_entropy, reduction="none"), "class", missing=-1)),
    )
    heads = {"value": 1, "class": 3}  # noqa: RUF012
    input_shape = (4,)
    protocol = Protocol("gaps-1", (3.0, 3.0), (0.0, 0.0), (1.0, 1.1))

    def load(self, split: Split) -> Samples:
        draw, n = draw_of(split), SIZES[split]
        inputs = torch.randn(n, 4, generator=draw)
        value = inputs[:, 0].masked_fill(torch.rand(n, generator=draw) < 0.5, math.nan)
        label = inputs[:, :3].argmax(1).masked_fill(torch.rand(n, generator=draw) < 0.3, -1)
        return Samples(inputs, {"value": value, "class": label})


# inputs per task

DOMAINS = {"art": (1.0, 1.0), "clipart": (-1.0, 0.6), "product": (0.5, 0.25)}
"""Name of a domain -> shift of its inputs, and its size as a share of the split."""


def of_domain(name: str) -> Objective:
    def loss(outputs: Outputs, batch: Samples) -> Tensor:
        return cross_entropy(outputs[name], batch.targets["label"])

    def error(outputs: Outputs, batch: Samples) -> Tensor:
        return (outputs[name].argmax(1) != batch.targets["label"]).float().mean()

    pooled = Metric("pooled error", error, higher_is_better=False, pooled=True)
    return Objective(name, loss, (Metric("error", error, higher_is_better=False), pooled))


@dataclass(frozen=True)
class Offices(Dataset):
    """Three domains with samples of their own and the same classes, in the shape of Office-Home."""

    objectives = tuple(of_domain(name) for name in DOMAINS)
    heads = dict.fromkeys(DOMAINS, 3)
    input_shape = (4,)
    protocol = Protocol("offices-1", (2.0, 2.0, 2.0), (0.0, 0.0, 0.0), (1.1, 1.1, 1.1))

    def load(self, split: Split) -> TaskSamples:
        draw = draw_of(split)
        tasks = {}
        for name, (shift, share) in DOMAINS.items():
            inputs = torch.randn(int(share * SIZES[split]), 4, generator=draw) + shift
            tasks[name] = Samples(inputs, {"label": (inputs[:, :3] * shift).argmax(1)})
        return TaskSamples(tasks)

    def augment(self, batch: Samples, random: torch.Generator) -> Samples:
        return Samples(batch.inputs + 0.01 * torch.randn(batch.inputs.shape, generator=random), batch.targets)


class Desk:
    """A map-style dataset of pairs, as torch's datasets return them: an input and a label."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, position: int) -> tuple[NDArray[np.float32], int]:
        return self.samples.inputs[position].numpy(), int(self.samples.targets["label"][position])


@dataclass(frozen=True)
class Desks(Offices):
    """Domains of which one is in memory and the others are read when they are needed."""

    def load(self, split: Split) -> TaskSamples:
        tasks = dict(super().load(split).tasks)
        for name in ("art", "clipart"):
            tasks[name] = StoredSamples(Desk(tasks[name]), ["label"])
        return TaskSamples(tasks)


# named inputs: token ids with a mask, and padded graphs

N_TOKENS, LENGTH = 20, 7


def squared_errors(name: str) -> Objective:
    def loss(outputs: Outputs, batch: Samples) -> Tensor:
        return (outputs[name][:, 0] - batch.targets[name]).square().mean()

    return Objective(name, loss)


@dataclass(frozen=True)
class Phrases(Dataset):
    """Phrases of different lengths; the targets are shares of low and of even tokens among the tokens that count."""

    objectives = (squared_errors("low"), squared_errors("even"))
    heads = {"low": 1, "even": 1}  # noqa: RUF012
    input_shape = {"tokens": (LENGTH,), "mask": (LENGTH,)}  # noqa: RUF012
    protocol = Protocol("phrases-1", (1.0, 1.0), (0.0, 0.0), (0.5, 0.5))

    def load(self, split: Split) -> Samples:
        draw, n = draw_of(split), SIZES[split]
        tokens = torch.randint(0, N_TOKENS, (n, LENGTH), generator=draw)
        lengths = torch.randint(1, LENGTH + 1, (n, 1), generator=draw)
        mask = torch.arange(LENGTH) < lengths
        low, even = ((share & mask).sum(1) / lengths[:, 0] for share in (tokens < 8, tokens % 2 == 0))
        return Samples({"tokens": tokens, "mask": mask}, {"low": low, "even": even})


class _BagOfWords(nn.Module):
    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(N_TOKENS, 6)
        self.heads = nn.ModuleDict({name: nn.Linear(6, width) for name, width in heads.items()})

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        words = self.embedding(inputs["tokens"])
        mask = inputs["mask"][:, :, None].to(words)
        mean = (words * mask).sum(1) / mask.sum(1)
        return {name: head(mean) for name, head in self.heads.items()}


@dataclass(frozen=True)
class BagOfWords(Model):
    """The mean embedding of the tokens that the mask keeps, and a linear head each."""

    takes_named_inputs = True

    def check(self, dataset: Dataset) -> None:
        check_names(dataset, {"tokens", "mask"})

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _BagOfWords(dataset.heads)


def check_names(dataset: Dataset, names: set[str]) -> None:
    if not isinstance(dataset.input_shape, Mapping) or set(dataset.input_shape) != names:
        raise IncompatibleError(f"this model takes the named inputs {sorted(names)}: choose another dataset")


N_ATOMS = 5


@dataclass(frozen=True)
class Molecules(Dataset):
    """Graphs of at most 5 atoms, padded with zeros; the targets are means over atoms and over bonds."""

    objectives = (squared_errors("charge"), squared_errors("bonds"))
    heads = {"charge": 1, "bonds": 1}  # noqa: RUF012
    input_shape = {"atoms": (N_ATOMS, 2), "edges": (N_ATOMS, N_ATOMS), "present": (N_ATOMS,)}  # noqa: RUF012
    protocol = Protocol("molecules-1", (3.0, 3.0), (0.0, 0.0), (1.0, 1.0))

    def load(self, split: Split) -> Samples:
        draw, n = draw_of(split), SIZES[split]
        present = (torch.arange(N_ATOMS) < torch.randint(2, N_ATOMS + 1, (n, 1), generator=draw)).float()
        atoms = torch.randn(n, N_ATOMS, 2, generator=draw) * present[:, :, None]
        upper = (torch.rand(n, N_ATOMS, N_ATOMS, generator=draw) < 0.5).float().triu(1)
        edges = (upper + upper.mT) * present[:, :, None] * present[:, None, :]
        bonds = torch.einsum("nif,nij,njf->n", atoms, edges, atoms) / N_ATOMS
        targets = {"charge": atoms[:, :, 0].sum(1) / present.sum(1), "bonds": bonds.clamp(-1, 1)}
        return Samples({"atoms": atoms, "edges": edges, "present": present}, targets)


class _SmallGnn(nn.Module):
    def __init__(self, heads: Mapping[str, int]) -> None:
        super().__init__()
        self.own, self.messages = nn.Linear(2, 8), nn.Linear(2, 8, bias=False)
        self.heads = nn.ModuleDict({name: nn.Linear(8, width) for name, width in heads.items()})

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        atoms, present = inputs["atoms"], inputs["present"][:, :, None]
        features = (self.own(atoms) + inputs["edges"] @ self.messages(atoms)).tanh() * present
        mean = features.sum(1) / present.sum(1)
        return {name: head(mean) for name, head in self.heads.items()}


@dataclass(frozen=True)
class SmallGnn(Model):
    """One step of messages along the edges, and the mean over the atoms that are present."""

    takes_named_inputs = True

    def check(self, dataset: Dataset) -> None:
        check_names(dataset, {"atoms", "edges", "present"})

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _SmallGnn(dataset.heads)


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
