"""Model `mlp`: dense layers for tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, MinLen
from torch import nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model
from mobench.options import option
from mobench_networks.heads import Heads

Width = Annotated[int, Gt(0)]
BYTES = {"byte": 256}
"""Heads of datasets whose inputs are sequences of bytes."""


@dataclass(frozen=True)
class Mlp(Model):
    """Dense layers with ReLU that all objectives share, and one linear layer per head."""

    widths: Annotated[tuple[Width, ...], MinLen(1)] = option((64, 64), "widths of the hidden layers")

    def check(self, dataset: Dataset) -> None:
        shape = dataset.input_shape
        if len(shape) != 1 or shape[0] == 0 or dict(dataset.heads) == BYTES:
            raise IncompatibleError(
                f"mlp takes vectors of real numbers, this dataset has inputs of shape {list(shape)} and heads "
                f"{dict(dataset.heads)}: choose a network for its inputs, such as lenet for images"
            )

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        layers: list[nn.Module] = []
        width = dataset.input_shape[0]
        for hidden in self.widths:
            layers += [nn.Linear(width, hidden), nn.ReLU()]
            width = hidden
        return nn.Sequential(*layers, Heads(width, dataset.heads))
