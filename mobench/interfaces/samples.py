"""Samples of a dataset, and the outputs of a target network for a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from mobench.errors import ShapeError

Outputs = Mapping[str, Tensor]
"""Outputs of a target network: head name -> [B, ...]."""


@dataclass(frozen=True)
class Samples:
    """Inputs and targets of N samples, stored in memory as the dataset returns them.

    inputs:  [N, ...]; integers stay integers (`Dataset.prepare` converts a batch to floats).
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
        """Return the samples at `index`, a tensor of positions or a slice."""
        return Samples(self.inputs[index], {k: v[index] for k, v in self.targets.items()})

    def to(self, device: torch.device | str) -> Samples:
        """Return the same samples on `device`."""
        return Samples(self.inputs.to(device), {k: v.to(device) for k, v in self.targets.items()})
