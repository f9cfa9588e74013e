"""Snapshots and restoration of global state, for the check that a plugin does not change it."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from mobench.global_state import TORCH_RANDOM, changes, restored, snapshot

__all__ = ["TORCH_RANDOM", "changes", "imported_afresh", "put_back", "snapshot", "stir"]


def stir() -> None:
    """Draw a number from every random state, so that setting the same seed again counts as a change."""
    torch.rand(1)
    np.random.rand()
    random.random()


@contextmanager
def put_back() -> Iterator[None]:
    """Restore global state at the end of the block, also after an exception."""
    with restored():
        yield


@contextmanager
def imported_afresh(package: str) -> Iterator[None]:
    """Import the modules of a package again inside the block, so that side effects of the import can be observed.

    At the end of the block the original modules are restored.
    """

    def loaded() -> dict[str, Any]:
        return {n: module for n, module in sys.modules.items() if n == package or n.startswith(f"{package}.")}

    modules = loaded()
    for name in modules:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(modules)
