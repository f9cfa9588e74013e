"""The LeNet of the Pareto front papers."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

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

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        x = functional.relu(_pooled(self.conv1, inputs))
        x = functional.relu(_pooled(self.conv2, x).flatten(1))
        outputs: dict[str, Tensor] = self.heads(self.dense(x))
        return outputs


def _pooled(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolution and pool, to be rectified: bias and ReLU commute with the maximum, and cost a quarter after it."""
    assert conv.bias is not None
    return functional.max_pool2d(functional.conv2d(x, conv.weight), 2) + conv.bias[:, None, None]


def _after(size: int) -> int:
    """Positions left along one side after both convolutions and pools."""
    return ((size - 8) // 2 - 4) // 2
