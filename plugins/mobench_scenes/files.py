"""Reading and reducing one map of a scene: arrays in .npy files, and PNG images."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mobench.errors import DataError

PixelMap: TypeAlias = NDArray[Any]
MISSING = -1
"""Class of a pixel without a label."""


def numbered(folder: Path) -> list[int]:
    """Return the numbers of the files 0.npy, 1.npy, … of a folder, in order.

    Raises: DataError if there is none.
    """
    numbers = sorted(int(path.stem) for path in folder.glob("*.npy") if path.stem.isdecimal())
    if not numbers:
        raise DataError(f"{folder} has no files 0.npy, 1.npy, …: unpack the archive of the preprocessed data again")
    return numbers


def read_array(path: Path, n_channels: int | None) -> PixelMap:
    """Return the array [H, W, n_channels] of a .npy file, or [H, W] if `n_channels` is None.

    Raises: DataError if the file is missing, damaged, or has another shape or numbers that are not finite.
    """
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path} cannot be read as an array ({reason}): unpack the archive again") from error
    shape = ("height", "width") if n_channels is None else ("height", "width", str(n_channels))
    fits = isinstance(array, np.ndarray) and array.ndim == len(shape) and array.dtype.kind in "fiub"
    if not fits or (n_channels is not None and array.shape[-1] != n_channels):
        raise DataError(
            f"{path} has an array of {array.dtype} of shape {list(array.shape)}, numbers of shape "
            f"[{', '.join(shape)}] are expected: use the preprocessed data of the README"
        )
    if not np.isfinite(array).all():
        raise DataError(f"{path} has values that are not finite: unpack the archive again")
    return np.asarray(array)


def read_image(path: Path, mode: str) -> NDArray[np.uint8]:
    """Return the pixels of a PNG file, [H, W, 3] for mode "RGB" and [H, W] for "L".

    Raises: DataError if the file is missing, damaged or of another mode.
    """
    from PIL import Image

    try:
        with Image.open(path, formats=["PNG"]) as image:
            if image.mode != mode:
                raise ValueError(f"it has mode {image.mode}, {mode} is expected")
            return np.array(image)
    except (OSError, ValueError, SyntaxError) as error:
        reason = " ".join(str(error).split())[:120]
        raise DataError(f"{path} is not an image of the expected form ({reason}): copy the folder again") from error


def factor(shape: tuple[int, ...], size: tuple[int, int], path: Path) -> int:
    """Return how many pixels of a stored map stand for one of a sample, along each side.

    Raises: DataError if height and width are not the same multiple of `size`.
    """
    height, width = shape[:2]
    ratio = max(height // size[0], 1)
    if (ratio * size[0], ratio * size[1]) != (height, width):
        raise DataError(
            f"{path} has {height}×{width} pixels, which is no multiple of size {size[0]}×{size[1]}: set the option "
            f"size to {height},{width} or to a whole fraction of it"
        )
    return ratio


def averaged(image: PixelMap, k: int) -> PixelMap:
    """Return the means [C, H/k, W/k] of squares of k×k pixels of an image [H, W, C].

    uint8 images stay uint8, rounded; others become float32. Sums are taken in a fixed order, so that every machine has
    the same bits.
    """
    is_bytes = image.dtype == np.uint8
    wide = np.moveaxis(image, -1, 0).astype(np.int64 if is_bytes else np.float64)
    total = sum(wide[:, i::k, j::k] for i in range(k) for j in range(k))
    if is_bytes:
        return np.asarray((total + k * k // 2) // (k * k)).astype(np.uint8)
    return np.asarray(total / (k * k)).astype(np.float32)


def centres(values: PixelMap, k: int) -> PixelMap:
    """Return the values of the pixel (k//2, k//2) of each square of k×k pixels; rows and columns are first."""
    return np.ascontiguousarray(values[k // 2 :: k, k // 2 :: k])


def classes(labels: PixelMap, n_classes: int, path: Path) -> NDArray[np.int64]:
    """Return class numbers, with `MISSING` for pixels without a label.

    Raises: DataError for values other than whole numbers from -1 to n_classes - 1.
    """
    numbers = labels.astype(np.int64)
    if (numbers != labels).any() or numbers.min() < MISSING or numbers.max() >= n_classes:
        raise DataError(
            f"{path} has labels from {labels.min():g} to {labels.max():g}: whole numbers from {MISSING} to "
            f"{n_classes - 1} are expected, so use the labels of {n_classes} classes"
        )
    return numbers
