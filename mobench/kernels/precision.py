"""Precision of forward passes: float32, or bfloat16 through torch's autocast."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import torch

Precision = Literal["fp32", "bf16"]
"""Precision in which networks run. "bf16": torch's autocast chooses bfloat16 for each operation that it lists. Weights,
outputs, losses, gradients of the weights and Gram matrices are in float32 or float64 in both."""
DEFAULT: Precision = "fp32"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context in which the forward passes of a network run on a device.

    Raises: RuntimeError where torch has no bfloat16 for this device.
    """
    if precision == DEFAULT:
        return nullcontext()
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16)


def is_autocast(device: torch.device) -> bool:
    """Whether operations on a device run under autocast, so that kernels for float32 must not replace them."""
    import torch

    return torch.is_autocast_enabled(device.type)
