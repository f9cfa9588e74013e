"""Model `wrn-40-2`: a pre-activation wide residual network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt
from torch import Tensor, nn
from torch.nn.functional import pad, relu

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model, image_channels
from mobench.options import option


@dataclass(frozen=True)
class WideResNet(Model):
    """Three groups of blocks of two 3×3 convolutions with 16·k, 32·k and 64·k channels (arXiv 1605.07146, table 1).

    Shortcuts have no weights. The network has 2,235,498 parameters for CIFAR-10 with biases and
    2,232,794 without. The hypernetworks paper gives 2.236 M and does not list them.
    Batch normalisation uses the statistics of the batch, in training and in evaluation, because
    running statistics belong to one set of weights, and a hypernetwork generates many.
    """

    depth: Annotated[int, Gt(9)] = option(40, "layers; 6 n + 4")
    widening: Annotated[int, Gt(0)] = option(2, "factor k of the channels")
    bias: bool = option(True, "of the 3×3 convolutions; counted in the paper, but normalisation cancels them")

    def check(self, dataset: Dataset) -> None:
        image_channels(dataset, 16, "wrn-40-2")
        if (self.depth - 4) % 6:
            raise IncompatibleError(
                f"a wide residual network has 6 n + 4 layers, as 10, 16 or 40; depth is {self.depth}"
            )

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        return _WideResNet(dataset, (self.depth - 4) // 6, self.widening, self.bias)


class _WideResNet(nn.Module):
    def __init__(self, dataset: Dataset, n_blocks: int, widening: int, bias: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(dataset.input_shape[0], 16, 3, padding=1, bias=bias)
        blocks, n_in = [], 16
        for group, n_out in enumerate(c * widening for c in (16, 32, 64)):
            for position in range(n_blocks):
                blocks.append(_Block(n_in, n_out, 2 if group > 0 and position == 0 else 1, bias))
                n_in = n_out
        self.blocks = nn.Sequential(*blocks)
        self.norm = _norm(n_in)
        self.heads = nn.ModuleDict({name: nn.Linear(n_in, width) for name, width in dataset.heads.items()})
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        features = relu(self.norm(self.blocks(self.first(inputs)))).mean((2, 3))
        return {name: head(features) for name, head in self.heads.items()}


class _Block(nn.Module):
    """Return x + conv(relu(norm(conv(relu(norm(x)))))); where the size changes, subsample x and pad it with zeros."""

    def __init__(self, n_in: int, n_out: int, stride: int, bias: bool) -> None:
        super().__init__()
        self.norm1, self.norm2 = _norm(n_in), _norm(n_out)
        self.conv1 = nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1, bias=bias)
        self.conv2 = nn.Conv2d(n_out, n_out, 3, padding=1, bias=bias)
        self.stride, self.n_new = stride, n_out - n_in

    def forward(self, x: Tensor) -> Tensor:
        change: Tensor = self.conv2(relu(self.norm2(self.conv1(relu(self.norm1(x))))))
        shortcut = x[:, :, :: self.stride, :: self.stride]
        return change + (pad(shortcut, (0, 0, 0, 0, 0, self.n_new)) if self.n_new else shortcut)


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False)
