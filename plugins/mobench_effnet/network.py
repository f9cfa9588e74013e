"""EfficientNet-lite0 as a module whose normalisation never changes."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import batch_norm, conv2d, pad, relu6

STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip
"""Number of blocks, side of the kernel, stride of the first block, expansion, and channels of each stage."""
STEM_CHANNELS, N_FEATURES, N_CLASSES = 32, 1280, 1000
EPSILON = 1e-3
"""Of the normalisation."""


class Conv(nn.Conv2d):
    """A convolution without bias whose output has ⌈side / stride⌉ pixels; uneven padding is below and at the right."""

    def __init__(self, n_inputs: int, n_outputs: int, side: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(n_inputs, n_outputs, side, stride, groups=groups, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        side, stride = self.kernel_size[0], self.stride[0]
        (top, bottom), (left, right) = (_padding(size, side, stride) for size in images.shape[-2:])
        if (top, left) == (bottom, right):
            return conv2d(images, self.weight, None, self.stride, (top, left), groups=self.groups)
        return conv2d(pad(images, (left, right, top, bottom)), self.weight, None, self.stride, groups=self.groups)


def _padding(size: int, side: int, stride: int) -> tuple[int, int]:
    """Return the padding before and after an axis, as TensorFlow's "same"."""
    n_outputs = -(-size // stride)
    total = max((n_outputs - 1) * stride + side - size, 0)
    return total // 2, total - total // 2


class Normalisation(nn.Module):
    """Batch normalisation by constants: means, variances, gains and biases are buffers, which training keeps."""

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.ones(n_channels))
        self.register_buffer("bias", torch.zeros(n_channels))
        self.register_buffer("running_mean", torch.zeros(n_channels))
        self.register_buffer("running_var", torch.ones(n_channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, images: Tensor) -> Tensor:
        constants = self.running_mean, self.running_var, self.weight, self.bias
        return batch_norm(images, *constants, training=False, eps=EPSILON)  # type: ignore[arg-type]


class InvertedBlock(nn.Module):
    """Expansion by a 1×1 convolution, depthwise convolution, projection; the input is added where the shapes agree."""

    def __init__(self, n_inputs: int, n_outputs: int, side: int, stride: int, expansion: int) -> None:
        super().__init__()
        width = n_inputs * expansion
        self.expands = expansion > 1
        self.adds_input = stride == 1 and n_inputs == n_outputs
        if self.expands:
            self.expand_conv = Conv(n_inputs, width, 1)
            self.bn0 = Normalisation(width)
        self.depthwise_conv = Conv(width, width, side, stride, groups=width)
        self.bn1 = Normalisation(width)
        self.project_conv = Conv(width, n_outputs, 1)
        self.bn2 = Normalisation(n_outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        expanded = relu6(self.bn0(self.expand_conv(inputs))) if self.expands else inputs
        filtered = relu6(self.bn1(self.depthwise_conv(expanded)))
        outputs: Tensor = self.bn2(self.project_conv(filtered))
        return inputs + outputs if self.adds_input else outputs


class EfficientNetLite0(nn.Module):
    """EfficientNet-lite0 (4,652,008 parameters): B0 of arXiv 1905.11946, table 1, without squeeze-and-excitation.

    The lite variant has ReLU6 instead of SiLU. Inputs are RGB images [B, 3, H, W] with values (v − 127) / 128 for v
    from 0 to 255, of any size; outputs are logits of the 1,000 classes of ImageNet.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv_stem = Conv(3, STEM_CHANNELS, 3, stride=2)
        self.bn0 = Normalisation(STEM_CHANNELS)
        blocks, width = [], STEM_CHANNELS
        for n_blocks, side, stride, expansion, channels in STAGES:
            for i in range(n_blocks):
                blocks.append(InvertedBlock(width, channels, side, stride if i == 0 else 1, expansion))
                width = channels
        self.blocks = nn.ModuleList(blocks)
        self.conv_head = Conv(width, N_FEATURES, 1)
        self.bn1 = Normalisation(N_FEATURES)
        self.fc = nn.Linear(N_FEATURES, N_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        return self.fc(self.pooled(self.maps(images, len(self.blocks))))  # type: ignore[no-any-return]

    def maps(self, images: Tensor, n_blocks: int) -> Tensor:
        """Return the output [B, channels, h, w] of the first blocks."""
        maps = relu6(self.bn0(self.conv_stem(images)))
        for block in self.blocks[:n_blocks]:
            maps = block(maps)
        return maps

    def pooled(self, maps: Tensor) -> Tensor:
        """Return the features [B, 1280] of the output of the last block."""
        return relu6(self.bn1(self.conv_head(maps))).mean((2, 3))

    def load_published(self, state: Mapping[str, Tensor]) -> None:
        """Load the published state dict, whose names begin with underscores.

        Raises: RuntimeError if a name is missing or superfluous, or a shape differs.
        """
        self.load_state_dict({name.replace("._", ".").removeprefix("_"): tensor for name, tensor in state.items()})
