"""Model `mnist-cnn`: a small CNN whose second kernel the static hypernetwork generates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model, image_channels
from mobench.options import option


@dataclass(frozen=True)
class MnistCnn(Model):
    """Conv 7×7, ReLU, pool, conv 7×7, ReLU, pool, one dense layer per head; convolutions keep the size.

    With 16 channels the second convolution's kernel has 12,544 weights (arXiv 1609.09106, section 4.1).
    """

    channels: Annotated[int, Gt(0)] = option(16, "channels of both convolutions")
    kernel: Annotated[int, Ge(1)] = option(7, "side of the kernels; odd")

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 4, "mnist-cnn")
        if self.kernel % 2 == 0:
            raise IncompatibleError(f"mnist-cnn keeps the size of its images, and kernel {self.kernel} is even")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _MnistCnn(dataset, self.channels, self.kernel)


class _MnistCnn(nn.Module):
    def __init__(self, dataset: Dataset, channels: int, kernel: int) -> None:
        super().__init__()
        depth, height, width = dataset.input_shape
        self.conv1 = nn.Conv2d(depth, channels, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        n_features = channels * (height // 4) * (width // 4)
        self.heads = nn.ModuleDict({name: nn.Linear(n_features, n) for name, n in dataset.heads.items()})
        # pool before the ReLU, which then has a quarter of the values to process
        self.pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.pool(self.conv2(self.pool(self.conv1(inputs)))).flatten(1)
        return {name: head(features) for name, head in self.heads.items()}
