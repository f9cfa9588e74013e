"""One linear output layer per head of a dataset."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn


class Heads(nn.Module):
    """Map features [B, d] to a dict: head name -> [B, width]."""

    def __init__(self, n_features: int, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(n_features, width) for name, width in widths.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {name: layer(features) for name, layer in self.layers.items()}
