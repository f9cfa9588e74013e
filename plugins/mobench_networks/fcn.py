"""Model `fcn`: a small fully convolutional network, for a prediction at every pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model, head_shape, image_channels
from mobench.options import option

STRIDE = 4
"""Pixels of the image per position of the shared features, along each side."""


@dataclass(frozen=True)
class Fcn(Model):
    """Two 3×3 convolutions of stride 2, two more of which the last is dilated, and a 1×1 convolution per head.

    A ReLU follows each shared convolution. Heads of shape (C, H, W) are computed at a quarter of the side of the
    images and resized bilinearly.

    Source: fully convolutional networks, arXiv 1411.4038; dilated convolutions, arXiv 1511.07122.
    """

    filters: tuple[Annotated[int, Gt(0)], Annotated[int, Gt(0)]] = option(
        (16, 32), "filters of the first convolution and of the others"
    )

    takes_head_shapes: ClassVar[bool] = True

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, STRIDE, "fcn")
        for name, size in dataset.heads.items():
            shape = head_shape(size)
            if len(shape) != 3:
                raise IncompatibleError(
                    f"fcn predicts values at pixels, [channels, height, width], head {name!r} has shape "
                    f"{list(shape)}: choose another model, such as lenet for one prediction per image"
                )

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        first, width = self.filters
        return nn.Sequential(
            nn.Conv2d(dataset.input_shape[0], first, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(first, width, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=2, dilation=2),
            nn.ReLU(),
            DenseHeads(width, {name: head_shape(size) for name, size in dataset.heads.items()}),
        )


class DenseHeads(nn.Module):
    """Map features [B, d, h, w] to a dict: head name -> [B, C, H, W]."""

    def __init__(self, n_features: int, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        self.layers = nn.ModuleDict({name: nn.Conv2d(n_features, shape[0], 1) for name, shape in shapes.items()})
        self.sizes = {name: shape[1:] for name, shape in shapes.items()}

    def forward(self, features: Tensor) -> dict[str, Tensor]:
        return {name: _resized(layer(features), self.sizes[name]) for name, layer in self.layers.items()}


def _resized(maps: Tensor, size: tuple[int, ...]) -> Tensor:
    if maps.shape[-2:] == size:
        return maps
    return interpolate(maps, size=size, mode="bilinear", align_corners=False)
