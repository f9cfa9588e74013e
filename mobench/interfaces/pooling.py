"""Max-pooling without indices, for networks that are only judged.

The library's max-pool notes where each maximum was, for a backward pass that judging never makes.
The maximum of two slices at a time gives the same bits in an eighth of the time (3.6 -> 0.4 ms on
[256, 10, 28, 28], channels last, one thread).
"""

from __future__ import annotations

from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

LARGEST = 4


class Judging(TorchFunctionMode):
    """Has max-pools of networks under it computed by `max_pool2d`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(func, "__name__", "") == "max_pool2d":
            return max_pool2d(func, *args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


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
    """What `func`, torch's max_pool2d, gives; where neither gradient nor indices are asked for, without it."""
    size = kernel_size if isinstance(kernel_size, int) else kernel_size[0]
    square = kernel_size in (size, (size, size), [size, size])
    disjoint = square and stride in (None, size, (size, size), [size, size])
    plain = padding in (0, (0, 0), [0, 0]) and dilation in (1, (1, 1), [1, 1]) and not ceil_mode and not return_indices
    judged = not torch.is_grad_enabled() and input.ndim == 4 and input.device.type == "cpu"
    if not (judged and disjoint and plain and 1 < size <= LARGEST and min(input.shape[2:]) >= size):
        return func(input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)
    high, wide = (n - n % size for n in input.shape[2:])
    rows = reduce(torch.maximum, [input[:, :, i:high:size, :wide] for i in range(size)])
    return reduce(torch.maximum, [rows[:, :, :, j::size] for j in range(size)])
