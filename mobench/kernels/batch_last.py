"""Tensors whose images lie side by side, [C, H, W, N] in memory, and the C functions for them.

To everybody else such a tensor is an ordinary [N, C, H, W] with unusual strides.
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
    """Why these functions are not to be had on this machine; "" where they are. Compiles them the first time."""
    return compiled.missing(SOURCE)


def at_hand() -> bool:
    """Whether the C functions were compiled here before."""
    return compiled.at_hand(SOURCE)


@cache
def functions() -> ctypes.CDLL:
    """The C functions. Raises: NotCompiledError."""
    found = compiled.library(SOURCE)
    pointer, number = ctypes.c_void_p, ctypes.c_long
    found.mobench_convolution.argtypes = [pointer] * 5 + [ctypes.c_int, number, number]
    found.mobench_kernel_gradient.argtypes = [pointer] * 4 + [number, number]
    found.mobench_pool.argtypes = [pointer] * 3 + [number] * 6
    found.mobench_pool_gradient.argtypes = [pointer] * 3 + [number] * 6
    found.mobench_pool.restype = found.mobench_pool_gradient.restype = None
    found.mobench_block.restype = number
    return found


def is_batch_last(x: Tensor) -> bool:
    """Whether this is an [N, C, H, W] of float32 on the processor that lies as [C, H, W, N]."""
    return (
        x.ndim == 4
        and x.shape[0] > 1
        and x.stride(0) == 1
        and x.dtype == torch.float32
        and x.device.type == "cpu"
        and x.permute(1, 2, 3, 0).is_contiguous()
    )


def batch_last(x: Tensor) -> Tensor:
    """The same values, images side by side; a copy where they lie otherwise."""
    return x.permute(1, 2, 3, 0).contiguous().permute(3, 0, 1, 2)


def empty(images: int, channels: int, height: int, width: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(channels, height, width, images, dtype=dtype).permute(3, 0, 1, 2)


def are_numbers(*tensors: Tensor) -> bool:
    """Whether gradients are plain numbers: nobody will differentiate them, and none stands for many under vmap."""
    return not torch.is_grad_enabled() and has_memory(*tensors)


def has_memory(*tensors: Tensor) -> bool:
    """Whether there is memory behind each, and not other tensors, as in what torch.func's functions are given."""
    try:
        return all(tensor.data_ptr() for tensor in tensors)
    except RuntimeError:
        return False


def shared_out(work: Callable[[int, int], object], n: int, unit: int = 1) -> list[object]:
    """work(from, to) for parts of 0..n that begin at multiples of `unit`, one per thread that torch may use."""
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


# threads do not survive a fork: the child makes its own
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.cache_clear)
