"""Models `lenet` and `lenet-cosmos`: the LeNets of the papers on Pareto front learning."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from mobench.interfaces import Dataset, Model, image_channels
from mobench_networks.heads import Heads


@dataclass(frozen=True)
class LeNet(Model):
    """Conv 9×9×10, ReLU, pool, conv 5×5×20, ReLU, pool, dense 50, one dense layer per head.

    As in the Pareto hypernetwork paper there is no ReLU after the hidden dense layer (`lenet-cosmos` has one).
    31,910 parameters for 36×36 grey images and two heads of ten.
    """

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 20, "lenet")

    def build(self, dataset: Dataset) -> nn.Module:
        channels = image_channels(dataset, 20, "lenet")
        return _LeNet(channels, 9, dataset, rectified=False)


@dataclass(frozen=True)
class CosmosLeNet(Model):
    """Conv 5×5×10, pool, ReLU, conv 5×5×20, pool, ReLU, dense 50, ReLU, one dense layer per head.

    The network of COSMOS's code (arXiv 2103.13392). Its first convolution is smaller than that of `lenet`, and
    its dense layer has a ReLU. 42,350 parameters for 36×36 grey images and two heads of ten, 43,058 with the
    preference input of generator `input`.
    """

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 16, "lenet-cosmos")

    def build(self, dataset: Dataset) -> nn.Module:
        return _LeNet(image_channels(dataset, 16, "lenet-cosmos"), 5, dataset, rectified=True)


class _LeNet(nn.Module):
    """LeNet; kernel: side of the first kernel, rectified: whether a ReLU follows the dense layer."""

    def __init__(self, channels: int, kernel: int, dataset: Dataset, *, rectified: bool) -> None:
        super().__init__()
        _, height, width = dataset.input_shape
        n_positions = _after(height, kernel) * _after(width, kernel)
        self.conv1 = nn.Conv2d(channels, 10, kernel)
        self.conv2 = nn.Conv2d(10, 20, 5)
        self.dense = nn.Linear(20 * n_positions, 50)
        self.heads = Heads(50, dataset.heads)
        self.rectified = rectified

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        x = functional.relu(_pooled(self.conv1, inputs))
        x = functional.relu(_pooled(self.conv2, x).flatten(1))
        x = self.dense(x)
        outputs: dict[str, Tensor] = self.heads(functional.relu(x) if self.rectified else x)
        return outputs


def _pooled(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """Return convolution and pool, without ReLU: bias and ReLU commute with the maximum and cost a quarter after it."""
    assert conv.bias is not None
    return functional.max_pool2d(functional.conv2d(x, conv.weight), 2) + conv.bias[:, None, None]


def _after(size: int, kernel: int) -> int:
    """Return the number of positions along one side after both convolutions (the first with `kernel`) and pools."""
    return ((size - kernel + 1) // 2 - 4) // 2
