"""ResNet-18 whose normalisation needs no running statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torchvision.models import resnet18

from mobench.interfaces import Dataset, Model, image_channels
from mobench.options import option

N_FEATURES = 512
N_GROUPS = 32


@dataclass(frozen=True)
class ResNet18(Model):
    """torchvision's ResNet-18 (arXiv 1512.03385), first convolution as wide as the images, one head per task.

    Running means and variances belong to one set of weights, and a hypernetwork makes many: they
    would mix the statistics of all preferences. So batch normalisation takes the statistics of the
    batch, in training and in evaluation (as in arXiv 2010.04104), which makes a prediction depend a
    little on its batch; or groups are normalised in each image by itself. Either way the module
    has no buffers, and running it with generated weights changes nothing in it.
    """

    norm: Literal["batch-statistics", "group"] = option(
        "batch-statistics", "batch normalisation by the batch's own statistics, or GroupNorm of 32 groups"
    )

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 32, "resnet18")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _ResNet18(dataset.input_shape[0], self.norm, dataset)


class _ResNet18(nn.Module):
    def __init__(self, channels: int, norm: str, dataset: Dataset) -> None:
        super().__init__()
        self.body = resnet18(norm_layer=_group_norm if norm == "group" else _batch_norm)
        self.body.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.body.fc = nn.Identity()
        self.heads = nn.ModuleDict({name: nn.Linear(N_FEATURES, width) for name, width in dataset.heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.body(inputs)
        return {name: head(features) for name, head in self.heads.items()}


def _batch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False)


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(N_GROUPS, channels)
