"""Samples of a data set, and the outputs of a target network for a batch of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mobench.errors import ShapeError

Outputs = Mapping[str, Tensor]
"""What a target network returns: head name -> [B, ...]."""


@dataclass(frozen=True)
class Samples:
    """Inputs and targets of N samples, kept in memory as the dataset made them.

    inputs:  [N, ...]; integers stay integers (`Dataset.prepare` makes floats of a batch).
    targets: name -> [N, ...]: labels, sensitive attributes, regression targets.
    """

    inputs: Tensor
    targets: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, target in self.targets.items():
            if len(target) != len(self.inputs):
                raise ShapeError(
                    f"target {name!r} has {len(target)} rows, the inputs have {len(self.inputs)}: "
                    "pass one target per sample"
                )

    def __len__(self) -> int:
        return len(self.inputs)

    def take(self, index: Tensor | slice) -> Samples:
        """The samples at `index`, a tensor of positions or a slice."""
        return Samples(self.inputs[index], {k: v[index] for k, v in self.targets.items()})

    def to(self, device: torch.device | str) -> Samples:
        """The same samples on `device`."""
        return Samples(self.inputs.to(device), {k: v.to(device) for k, v in self.targets.items()})
