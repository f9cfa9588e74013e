"""What checks need to see that a plugin leaves global state as it is."""

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
    """Draw a number from every random state, so that none is as somebody's seed has left it."""
    torch.rand(1)
    np.random.rand()
    random.random()


@contextmanager
def put_back() -> Iterator[None]:
    """Whatever happens inside, global state is afterwards what it was."""
    with restored():
        yield


@contextmanager
def imported_afresh(package: str) -> Iterator[None]:
    """Inside, the modules of a package are imported anew, so that what an import does can be seen again."""

    def own() -> dict[str, Any]:
        return {n: module for n, module in sys.modules.items() if n == package or n.startswith(f"{package}.")}

    kept = own()
    for name in kept:
        del sys.modules[name]
    try:
        yield
    finally:
        for name in own():
            del sys.modules[name]
        sys.modules.update(kept)
