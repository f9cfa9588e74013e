"""Model `data-cnn`: a CNN whose second kernel is computed from each image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge, Gt
from torch import Tensor, nn
from torch.nn.functional import conv2d

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model, image_channels
from mobench.options import option


@dataclass(frozen=True)
class DataConditionedCnn(Model):
    """Conv, pool, conv with K(x) = Σ_j a_j(x) K_j, pool, dense: the second kernel is computed from the image.

    a(x) is the sigmoid of a dense layer whose inputs are the mean activations of the first layer
    (arXiv 1904.04971, equation 1). With `kernels` 1 and a = 1 the network is mnist-cnn.
    """

    channels: Annotated[int, Gt(0)] = option(16, "channels of both convolutions")
    kernel: Annotated[int, Ge(1)] = option(7, "side of the kernels; odd")
    kernels: Annotated[int, Gt(0)] = option(4, "kernels that are mixed")

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 4, "data-cnn")
        if self.kernel % 2 == 0:
            raise IncompatibleError(f"data-cnn keeps the size of its images, and kernel {self.kernel} is even")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _DataConditionedCnn(dataset, self.channels, self.kernel, self.kernels)


class _DataConditionedCnn(nn.Module):
    def __init__(self, dataset: Dataset, channels: int, kernel: int, n_kernels: int) -> None:
        super().__init__()
        depth, height, width = dataset.input_shape
        self.conv1 = nn.Conv2d(depth, channels, kernel, padding=kernel // 2)
        several = [nn.Conv2d(channels, channels, kernel) for _ in range(n_kernels)]
        self.kernels = nn.Parameter(torch.stack([conv.weight.detach() for conv in several]))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.mixture = nn.Linear(channels, n_kernels)
        n_features = channels * (height // 4) * (width // 4)
        self.heads = nn.ModuleDict({name: nn.Linear(n_features, n) for name, n in dataset.heads.items()})
        self.pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())

    def shares(self, features: Tensor) -> Tensor:
        """Return the mixture coefficients a(x) [B, J] for the first layer's activations [B, C, H, W]."""
        return torch.sigmoid(self.mixture(features.mean((2, 3))))

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.pool(self.conv1(inputs))
        b, c, height, width = features.shape
        kernels = torch.einsum("bj,joikl->boikl", self.shares(features), self.kernels)
        # a grouped convolution with one group per image
        mixed = conv2d(
            features.reshape(1, b * c, height, width), kernels.flatten(0, 1), padding=kernels.shape[-1] // 2, groups=b
        )
        second = mixed.reshape(b, c, height, width) + self.bias[:, None, None]
        flat = self.pool(second).flatten(1)
        return {name: head(flat) for name, head in self.heads.items()}
