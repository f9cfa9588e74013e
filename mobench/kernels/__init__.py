"""Operations of target networks by faster roads than the library's: the same numbers but for the order of sums.

What is given decides: each kernel takes what it was made for, and hands everything else to the library.
"""

from __future__ import annotations

from typing import Any

from torch.overrides import TorchFunctionMode

from mobench.kernels.convolution import conv2d
from mobench.kernels.pooling import max_pool2d

KERNELS = {"conv2d": conv2d, "max_pool2d": max_pool2d}
"""Name of a torch function -> what takes it, given the function and its arguments."""


def by_kernel(func: Any, *args: Any, **kwargs: Any) -> Any:
    """What a torch function gives, computed by the kernel for it where there is one."""
    kernel = KERNELS.get(getattr(func, "__name__", ""))
    return func(*args, **kwargs) if kernel is None else kernel(func, *args, **kwargs)


class Kernels(TorchFunctionMode):
    """Has the operations of networks under it computed by `KERNELS`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return by_kernel(func, *args, **(kwargs or {}))
