"""The LeNet of the Pareto front papers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from mobench.interfaces import Dataset, Model, image_channels
from mobench_networks.heads import Heads


@dataclass(frozen=True)
class LeNet(Model):
    """conv 9×9×10, ReLU, pool, conv 5×5×20, ReLU, pool, dense 50, one dense layer per head.

    As in the Pareto hypernetwork paper there is no ReLU after the hidden dense layer.
    31,910 parameters for 36×36 grey images and two heads of ten.
    """

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 20, "lenet")

    def build(self, dataset: Dataset) -> nn.Module:
        channels = image_channels(dataset, 20, "lenet")
        _, height, width = dataset.input_shape
        return _LeNet(channels, _after(height) * _after(width), dataset)


class _LeNet(nn.Module):
    def __init__(self, channels: int, n_positions: int, dataset: Dataset) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 10, 9)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.dense = nn.Linear(20 * n_positions, 50)
        self.heads = Heads(50, dataset.heads)
        # ReLU and max-pooling commute; pooling first leaves a quarter of the values to rectify
        self.pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU())

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        x = self.pool(self.conv2(self.pool(self.conv1(inputs))))
        outputs: dict[str, Tensor] = self.heads(self.dense(x.flatten(1)))
        return outputs


def _after(size: int) -> int:
    """Positions left along one side after both convolutions and pools."""
    return ((size - 8) // 2 - 4) // 2
