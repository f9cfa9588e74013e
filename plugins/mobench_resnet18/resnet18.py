"""Model `resnet18`: ResNet-18 without running statistics."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from mobench.interfaces import Dataset, Model, image_channels
from mobench.options import option

N_FEATURES = 512
N_GROUPS = 32
PADDING = (0, 2, 0, 2)
"""Padding of the variant "phn": columns at the left and right, rows above and below."""


@dataclass(frozen=True)
class ResNet18(Model):
    """The ResNet-18 of torchvision (arXiv 1512.03385), with input channels of the images and one head per task.

    Running means and variances belong to one set of weights. A hypernetwork generates many sets, and
    running statistics would mix those of all preferences. Batch normalisation therefore uses the
    statistics of the batch, in training and in evaluation (as in arXiv 2010.04104), so a prediction
    depends slightly on its batch. The alternative is GroupNorm, which normalises each image
    separately. In both cases the module has no buffers, and running it with generated weights does
    not modify it.

    `variant`: "torchvision" has the heads on the 512 features (11,180,500 parameters for grey images and two
    heads of ten). "phn" is the target of the Pareto hypernetwork's code: images are padded by two rows below and
    two columns at the right with zeros (36×36 become 38×38), and a dense layer of 512×512 with a ReLU precedes
    the heads (262,656 parameters more, 11,443,156).
    """

    norm: Literal["batch-statistics", "group"] = option(
        "batch-statistics", "batch normalisation by the batch's own statistics, or GroupNorm of 32 groups"
    )
    variant: Literal["torchvision", "phn"] = option(
        "torchvision",
        "heads on the features, or, as in the Pareto hypernetwork, images padded and a dense layer before the heads",
        added=True,
    )

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 32, "resnet18")

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _ResNet18(self, dataset)


class _ResNet18(nn.Module):
    def __init__(self, options: ResNet18, dataset: Dataset) -> None:
        super().__init__()
        self.is_phn = options.variant == "phn"
        self.body = resnet18(norm_layer=_group_norm if options.norm == "group" else _batch_norm)
        self.body.conv1 = nn.Conv2d(dataset.input_shape[0], 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.body.fc = _dense() if self.is_phn else nn.Identity()
        self.heads = nn.ModuleDict({name: nn.Linear(N_FEATURES, width) for name, width in dataset.heads.items()})

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.body(functional.pad(inputs, PADDING) if self.is_phn else inputs)
        return {name: head(features) for name, head in self.heads.items()}


def _dense() -> nn.Module:
    return nn.Sequential(nn.Linear(N_FEATURES, N_FEATURES), nn.ReLU())


def _batch_norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False)


def _group_norm(channels: int) -> nn.Module:
    return nn.GroupNorm(N_GROUPS, channels)
