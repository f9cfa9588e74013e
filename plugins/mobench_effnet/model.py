"""Model `effnet-lite0`: a frozen backbone, trained last layers, and one linear layer per head."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import torch
from annotated_types import Interval
from torch import Tensor, nn
from torch.nn.functional import interpolate

from mobench.datafiles import require
from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model, head_shape, image_channels
from mobench.options import option
from mobench_effnet.network import N_FEATURES, EfficientNetLite0
from mobench_networks.heads import Heads

SMALLEST = 32
"""Side of the smallest images: the network divides it by 32."""
CHANNELS = (1, 3)
LARGEST_VALUE, CENTRE, SCALE = 255, 127, 128
"""Of the values of pixels; the network takes (value − CENTRE) / SCALE."""


@dataclass(frozen=True)
class EffnetLite0(Model):
    """EfficientNet-lite0 with ImageNet weights, whose last layers and heads are trained.

    Grey images are repeated in three channels. Normalisation layers keep their means, variances, gains and biases.
    """

    pretrained: bool = option(True, "start at the ImageNet weights; false: at random weights, for tests and comparison")
    trained: Literal["heads", "last-layer", "last-stage"] = option(
        "last-layer",
        "what is trained beside the heads: nothing, the last convolution (409,600 weights), or the last block too "
        "(1,009,792)",
    )
    side: Annotated[int, Interval(ge=SMALLEST, le=512)] | None = option(
        None, "side in pixels to which images are resized; none: as they are"
    )

    def check(self, dataset: Dataset) -> None:
        n_channels = image_channels(dataset, SMALLEST, "effnet-lite0")
        if n_channels not in CHANNELS:
            raise IncompatibleError(
                f"effnet-lite0 takes images of 1 or 3 channels, this dataset has {n_channels}: choose another model"
            )
        for name, size in dataset.heads.items():
            if len(head_shape(size)) != 1:
                raise IncompatibleError(
                    f"effnet-lite0 returns one prediction per image, head {name!r} has shape {list(size)}: choose "
                    "another model, such as fcn for predictions at pixels"
                )

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        network = EfficientNetLite0()
        if self.pretrained:
            (path,) = require("effnet").values()
            network.load_published(torch.load(path, map_location="cpu", weights_only=True))
        return _Target(network, self, dataset)


class _Target(nn.Module):
    def __init__(self, network: EfficientNetLite0, options: EffnetLite0, dataset: Dataset) -> None:
        super().__init__()
        del network.fc
        network.requires_grad_(False)
        n_blocks = len(network.blocks)
        self.trained, self.side = options.trained, options.side
        self.n_frozen = n_blocks - 1 if options.trained == "last-stage" else n_blocks
        for part in (network.blocks[self.n_frozen :], *([network.conv_head] if options.trained != "heads" else [])):
            part.requires_grad_(True)
        self.network = network
        self.heads = Heads(N_FEATURES, dataset.heads)
        self.remembered = Remembered()

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        maps = self.remembered(self._frozen, inputs)
        if self.trained != "heads":
            for block in self.network.blocks[self.n_frozen :]:
                maps = block(maps)
            maps = self.network.pooled(maps)
        return self.heads(maps)  # type: ignore[no-any-return]

    @torch.no_grad()
    def _frozen(self, inputs: Tensor) -> Tensor:
        """Return what the frozen layers compute from images with values from 0 to 1."""
        images = inputs.mul(LARGEST_VALUE / SCALE).sub(CENTRE / SCALE)
        if self.side is not None:
            images = interpolate(images, size=(self.side, self.side), mode="bilinear", align_corners=False)
        maps = self.network.maps(images.expand(-1, 3, -1, -1), self.n_frozen)
        return self.network.pooled(maps) if self.trained == "heads" else maps


class Remembered:
    """Returns a function of a tensor, and computes it once for the same tensor in successive calls.

    Several weight sets are run on one batch, in training and in evaluation. What frozen layers compute from the batch
    is the same for all of them. The tensor is held by a weak reference, and a change in place is noticed.
    """

    def __init__(self) -> None:
        self._of: Callable[[], Tensor | None] = lambda: None
        self._state: tuple[int, Any] = (0, None)
        self._value: Tensor | None = None

    def __call__(self, function: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
        if torch.compiler.is_compiling():  # the program that is traced has one weight set
            return function(inputs)
        state = inputs._version, inputs.dtype
        if self._value is None or self._of() is not inputs or self._state != state:
            self._value, self._of, self._state = function(inputs), weakref.ref(inputs), state
        return self._value

    def __deepcopy__(self, memo: object) -> Remembered:
        return Remembered()

    def __reduce__(self) -> tuple[type[Remembered], tuple[()]]:
        return Remembered, ()
