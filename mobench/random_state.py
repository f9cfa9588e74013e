"""Seed the random generators of torch."""

from __future__ import annotations

import torch


def seed_torch(seed: int) -> None:
    """Seed torch's generator of each device that can be used here, as `torch.manual_seed` does.

    `torch.manual_seed` also keeps a formatted stack trace per call and kind of device, for devices that are not there:
    0.1 ms and more for deep stacks, and memory that is never freed.
    """
    torch.default_generator.manual_seed(seed)
    if torch.cuda.is_available():
        torch.cuda.manual_seed_all(seed)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(seed)
    if torch.xpu.is_available():
        torch.xpu.manual_seed_all(seed)
