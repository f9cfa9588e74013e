"""One linear output layer per head of a dataset."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset


class Heads(nn.Module):
    """Features [B, d] to a dict: head name -> [B, width]."""

    def __init__(self, n_features: int, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Linear(n_features, width) for name, width in widths.items()})

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {name: layer(features) for name, layer in self.layers.items()}


def image_channels(dataset: Dataset, smallest: int, model: str) -> int:
    """The number of channels of a dataset of images.

    Raises: IncompatibleError for inputs that are no images, or too small for the network.
    """
    shape = dataset.input_shape
    if len(shape) != 3 or min(shape[1:]) < smallest:
        raise IncompatibleError(
            f"{model} takes images [channels, height, width] of at least {smallest}×{smallest}, "
            f"this dataset has inputs of shape {list(shape)}: choose another model"
        )
    return shape[0]
