"""Model `mtl-cnn`: the multi-task CNN of the student report from which the project started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Interval
from torch import nn

from mobench.interfaces import Dataset, Model, image_channels
from mobench.options import option
from mobench_networks.heads import Heads

Filters = Annotated[int, Gt(0)]


@dataclass(frozen=True)
class MtlCnn(Model):
    """Three 3×3 convolutions, two pools, a shared dense layer, dropout, one dense layer per head.

    The report does not specify the positions of its two pools. Here they follow the first and the
    second convolution, which costs a fifth of pooling later. The report also does not specify the width
    of the dense layer.
    """

    filters: tuple[Filters, Filters, Filters] = option((32, 64, 96), "filters of the three convolutions")
    width: Annotated[int, Gt(0)] = option(128, "width of the shared dense layer")
    dropout: Annotated[float, Interval(ge=0, lt=1)] = option(0.5, "share of dense features dropped in training")

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 14, "mtl-cnn")

    def build(self, dataset: Dataset) -> nn.Module:
        channels = image_channels(dataset, 14, "mtl-cnn")
        a, b, c = self.filters
        _, height, width = dataset.input_shape
        n_features = c * (((height - 2) // 2 - 2) // 2 - 2) * (((width - 2) // 2 - 2) // 2 - 2)
        return nn.Sequential(
            nn.Conv2d(channels, a, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(a, b, 3),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(b, c, 3),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(n_features, self.width),
            nn.ReLU(),
            nn.Dropout(self.dropout),
            Heads(self.width, dataset.heads),
        )
