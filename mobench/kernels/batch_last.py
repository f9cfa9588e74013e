"""The memory layout "batch_last", [C, H, W, N], and access to the C functions for it.

For all other code, such a tensor is an ordinary [N, C, H, W] tensor with unusual strides.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path

import torch
from torch import Tensor

from mobench.kernels import compiled

SOURCE = Path(__file__).with_suffix(".c")


def why_not() -> str:
    """Return why the C functions are not available on this machine; "" if they are. The first call compiles them."""
    return compiled.missing(SOURCE)


def at_hand() -> bool:
    """Whether the C functions are already compiled on this machine."""
    return compiled.at_hand(SOURCE)


@cache
def functions() -> ctypes.CDLL:
    """Return the library of C functions; compile it if necessary.

    Raises: NotCompiledError.
    """
    library = compiled.library(SOURCE)
    pointer, number = ctypes.c_void_p, ctypes.c_long
    library.mobench_convolution.argtypes = [pointer] * 5 + [ctypes.c_int, number, number]
    library.mobench_kernel_gradient.argtypes = [pointer] * 4 + [number, number]
    library.mobench_pool.argtypes = [pointer] * 3 + [number] * 6
    library.mobench_pool_gradient.argtypes = [pointer] * 3 + [number] * 6
    library.mobench_pool.restype = library.mobench_pool_gradient.restype = None
    library.mobench_block.restype = number
    return library


def is_batch_last(x: Tensor) -> bool:
    """Whether this is a float32 CPU tensor [N, C, H, W] that is stored as [C, H, W, N]."""
    return (
        x.ndim == 4
        and x.shape[0] > 1
        and x.stride(0) == 1
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.permute(1, 2, 3, 0).is_contiguous()
    )


def batch_last(x: Tensor) -> Tensor:
    """Return the tensor in the layout "batch_last"; copy it if it has another layout."""
    return x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)


def empty(images: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(channels, height, width, images, dtype=dtype).permute(3, 0, 1, 2)


def are_numbers(*tensors: Tensor) -> bool:
    """Whether the tensors are concrete: no higher-order gradients, no vmap."""
    return not torch.is_grad_enabled() and has_memory(*tensors)


def has_memory(*tensors: Tensor) -> bool:
    """Whether all tensors have their own memory; wrappers of torch.func transforms do not."""
    try:
        return all(tensor.data_ptr() for tensor in tensors)
    except RuntimeError:
        return False


def shared_out(work: Callable[[int, int], object], n: int, unit: int = 1) -> list[object]:
    """Run work(from, to) in parallel on parts of the range 0..n and return the results.

    There is one part per thread that torch may use; parts begin at multiples of `unit`.
    """
    n_units = -(-n // unit)
    n_parts = min(torch.get_num_threads(), n_units)
    bounds = [min(n, unit * (n_units * i // n_parts)) for i in range(n_parts + 1)]
    parts = list(pairwise(bounds))
    if n_parts == 1:
        return [work(*parts[0])]
    return list(_crew(n_parts).map(lambda part: work(*part), parts))


@cache
def _crew(n_threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(n_threads, "mobench-kernels")


# threads do not survive a fork: the child process creates new ones
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.cache_clear)
