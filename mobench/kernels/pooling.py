"""Max-pooling without indices: the same values as torch's in a fraction of the time.

torch's max-pool stores the index of each maximum. Evaluation does not need it. Training needs only two
differences: lower minus upper row, and right minus left column.
On [256, 10, 28, 28], one thread: evaluation 3.6 -> 0.4 ms channels last; training, forward and backward,
4.5 -> 2.9 ms channels last and 13 -> 3 ms contiguous.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor

from mobench.kernels.batch_last import is_batch_last, why_not
from mobench.kernels.batch_last_pooling import pooled

LARGEST = 4
FULL = 16
"""With at least this many channels, channels last, torch's kernel fills its vectors and is faster in training."""


def max_pool2d(
    func: Any,
    input: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Return the result of `func`, torch's max_pool2d; adjacent windows without indices use a faster kernel.

    If a window has several maxima, the 2 × 2 training kernel passes the gradient to the first one in column order;
    torch uses row order.
    """
    size = kernel_size if isinstance(kernel_size, int) else kernel_size[0]
    square = kernel_size in (size, (size, size), [size, size])
    disjoint = square and stride in (None, size, (size, size), [size, size])
    plain = padding in (0, (0, 0), [0, 0]) and dilation in (1, (1, 1), [1, 1]) and not ceil_mode and not return_indices
    if disjoint and plain and input.ndim == 4 and input.device.type == "cpu":
        fits = 1 < size <= min(LARGEST, *input.shape[2:])
        if fits and is_batch_last(input) and not why_not():
            return pooled(input, size)
        if not (torch.is_grad_enabled() and input.requires_grad):
            if fits:
                return _judged(input, size)
        elif size == 2 and not any(n % 2 for n in input.shape[2:]):
            if not _channels_last(input):
                return _Halved.apply(input, 2)[0]
            if input.shape[1] < FULL:
                return _Halved.apply(input.permute(0, 2, 3, 1), 1)[0].permute(0, 3, 1, 2)
    return func(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _judged(x: Tensor, size: int) -> Tensor:
    high, wide = (n - n % size for n in x.shape[2:])
    rows = reduce(torch.maximum, [x[:, :, i:high:size, :wide] for i in range(size)])
    return reduce(torch.maximum, [rows[:, :, :, j::size] for j in range(size)])


def _channels_last(x: Tensor) -> bool:
    return x.shape[1] > 1 and x.stride(1) == 1


def _halves(x: Tensor, dim: int) -> tuple[Tensor, Tensor]:
    """Return views of the entries with even and with odd index of a dimension."""
    first, second = x.unflatten(dim, (-1, 2)).unbind(dim + 1)  # type: ignore[no-untyped-call]
    return first, second


class _Halved(torch.autograd.Function):
    """Maxima over 2 × 2 windows of the dimensions `at` and `at` + 1, and two differences for the backward pass."""

    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, at: int) -> tuple[Tensor, Tensor, Tensor]:
        upper, lower = _halves(x, at)
        left, right = _halves(torch.maximum(upper, lower), at + 1)
        return torch.maximum(left, right), lower - upper, right - left

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, int], output: tuple[Tensor, Tensor, Tensor]) -> None:
        ctx.at = inputs[1]
        ctx.mark_non_differentiable(*output[1:])
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*output[1:])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor | None, *_: None) -> tuple[Tensor | None, None]:
        if gradient is None:
            return None, None
        down, across = ctx.saved_tensors
        columns = _shared(gradient, across, ctx.at + 2).flatten(ctx.at + 1, ctx.at + 2)
        return _shared(columns, down, ctx.at + 1).flatten(ctx.at, ctx.at + 1), None


def _shared(gradient: Tensor, difference: Tensor, dim: int) -> Tensor:
    """Route the gradient to the second of two entries where the difference is positive, otherwise to the first."""
    second = torch.ops.aten.threshold_backward(gradient, difference, 0)
    return torch.stack([gradient - second, second], dim)
