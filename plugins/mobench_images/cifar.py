"""Reader for the files of CIFAR-10."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torchvision.datasets import CIFAR10

from mobench.errors import DataError

FOLDER = "cifar-10-batches-py"
MEAN, DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Mean and standard deviation of the training images' channels, in [0, 1]."""

reader = CIFAR10
"""The reader class; it checks every file by its MD5 before it unpickles any."""


def read(root: Path, part: Literal["train", "test"]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return images [N, 3, 32, 32] and labels [N].

    Raises: DataError if a file is missing or differs from the authors' file.
    """
    try:
        split = reader(str(root), train=part == "train", download=False)
    except (RuntimeError, KeyError, ValueError, EOFError) as error:
        raise DataError(f"{FOLDER} is not CIFAR-10 as published ({error}): unpack the archive again") from error
    return np.ascontiguousarray(split.data.transpose(0, 3, 1, 2)), np.array(split.targets, np.uint8)
