"""Model `schnet`: messages between atoms through filters that depend on their distance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import softplus

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model
from mobench.options import option

TYPICAL_ATOMS = 16
"""Divides the sum over atoms, so that it has the size of the mean."""
SMALLEST = 1e-12
"""Of a squared distance: the gradient of the root is finite there."""


@dataclass(frozen=True)
class SchNet(Model):
    """SchNet (arXiv 1706.08566) on padded graphs: interaction blocks with continuous filters, one linear head per task.

    Atoms exchange messages with all others; the filter of a pair is a small network of its distance, given by
    Gaussians around `centres` distances from 0 to `radius`. Predictions are invariant to rotation, translation, the
    order of the atoms and the amount of padding. The paper sums the predictions of atoms; here the heads read both
    the sum and the mean over atoms, because some properties grow with the molecule and others do not.

    Inputs are named: `nodes` [B, A, F], `positions` [B, A, 3] and `mask` [B, A], true for atoms.
    """

    takes_named_inputs: ClassVar[bool] = True

    features: Annotated[int, Gt(0)] = option(64, "features of an atom")
    interactions: Annotated[int, Gt(0)] = option(3, "interaction blocks")
    centres: Annotated[int, Gt(1)] = option(32, "Gaussians that describe a distance")
    radius: Annotated[float, Gt(0)] = option(10.0, "distance of the last Gaussian, in the units of the positions")

    def check(self, dataset: Dataset) -> None:
        shape = dataset.input_shape
        is_graph = isinstance(shape, Mapping) and set(shape) == {"nodes", "positions", "mask"}
        if is_graph:
            n_atoms = shape["mask"][0]
            is_graph = shape["positions"] == (n_atoms, 3) and len(shape["nodes"]) == 2 and shape["nodes"][0] == n_atoms
        if not is_graph:
            raise IncompatibleError(
                f"schnet takes the named inputs nodes [A, F], positions [A, 3] and mask [A], this dataset has {shape}: "
                "choose another model, or the dataset clusters"
            )

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _SchNet(self, dataset)


class _SchNet(nn.Module):
    centres: Tensor

    def __init__(self, options: SchNet, dataset: Dataset) -> None:
        super().__init__()
        width = options.features
        self.register_buffer("centres", torch.linspace(0, options.radius, options.centres))
        self.spacing = options.radius / (options.centres - 1)
        self.embedding = nn.Linear(dataset.input_shape["nodes"][1], width, bias=False)
        self.blocks = nn.ModuleList(_Interaction(width, options.centres) for _ in range(options.interactions))
        self.output = nn.Linear(width, width)
        self.heads = nn.ModuleDict({name: nn.Linear(2 * width, n) for name, n in dataset.heads.items()})

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        nodes, positions = inputs["nodes"], inputs["positions"]
        present = inputs["mask"].to(positions.dtype)
        squared = (positions[:, :, None] - positions[:, None]).square().sum(-1)
        offsets = squared.clamp_min(SMALLEST).sqrt()[..., None] - self.centres.to(positions.dtype)
        gaussians = torch.exp(-0.5 * (offsets / self.spacing).square())
        others = 1 - torch.eye(present.shape[1], dtype=present.dtype, device=present.device)
        pairs = present[:, :, None] * present[:, None] * others
        features = self.embedding(nodes)
        for block in self.blocks:
            features = features + block(features, gaussians, pairs)
        total = (_activation(self.output(features)) * present[:, :, None]).sum(1)
        mean = total / present.sum(1, keepdim=True).clamp_min(1)
        pooled = torch.cat([total / TYPICAL_ATOMS, mean], dim=1)
        return {name: head(pooled) for name, head in self.heads.items()}


class _Interaction(nn.Module):
    """Interaction block: atom-wise layer, continuous-filter convolution, two atom-wise layers (figure 2)."""

    def __init__(self, width: int, n_centres: int) -> None:
        super().__init__()
        self.filter = nn.Linear(n_centres, width)
        self.filter_output = nn.Linear(width, width)
        self.value = nn.Linear(width, width, bias=False)
        self.message = nn.Linear(width, width)
        self.update = nn.Linear(width, width)

    def forward(self, features: Tensor, gaussians: Tensor, pairs: Tensor) -> Tensor:
        """Return the change of features [B, A, F] for gaussians [B, A, A, centres] and pairs [B, A, A], 0 or 1."""
        filters = _activation(self.filter_output(_activation(self.filter(gaussians))))
        messages = torch.einsum("bij,bijf,bjf->bif", pairs, filters, self.value(features))
        change: Tensor = self.update(_activation(self.message(messages)))
        return change


def _activation(x: Tensor) -> Tensor:
    """Shifted softplus, ln(½ eˣ + ½)."""
    return softplus(x) - math.log(2)
