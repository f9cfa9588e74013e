"""Reader of the computed fronts that come with the package."""

from __future__ import annotations

import io
from functools import cache
from importlib import resources

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

FILE = "fronts.npz"


def computed_front(problem: str) -> Tensor:
    """Return the computed front [P, m] of a problem in original units; well-spread points come first."""
    return torch.from_numpy(_arrays()[problem])


@cache
def _arrays() -> dict[str, NDArray[np.float64]]:
    data = resources.files("mobench_engineering").joinpath(FILE).read_bytes()
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}
