"""Replacement of torch functions by the kernels of this package, where a kernel supports the arguments."""

from __future__ import annotations

from typing import Any

from torch.overrides import TorchFunctionMode

from mobench.kernels.convolution import conv2d
from mobench.kernels.pooling import max_pool2d

KERNELS = {"conv2d": conv2d, "max_pool2d": max_pool2d}
"""Name of a torch function -> its replacement, which is called with the function and its arguments."""


def by_kernel(func: Any, *args: Any, **kwargs: Any) -> Any:
    """Return the result of a torch function, computed by its kernel if there is one."""
    kernel = KERNELS.get(getattr(func, "__name__", ""))
    return func(*args, **kwargs) if kernel is None else kernel(func, *args, **kwargs)


class Kernels(TorchFunctionMode):
    """Context manager that runs torch functions through `KERNELS`."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return by_kernel(func, *args, **(kwargs or {}))
