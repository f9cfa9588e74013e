"""Photos that stay on disk: decoded, resized and labelled when a batch needs them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mobench.errors import DataError
from mobench.interfaces import Samples

SUFFIXES = (".jpg", ".jpeg", ".png")
"""Of files that are photos, in lower case."""


class Photos:
    """A map-style dataset of image files, for `mobench.StoredSamples`: rows are images [3, size, size] of uint8.

    The whole photo is resized to a square with bilinear interpolation, as with torchvision's `Resize`. Files are opened
    in the methods that read, so that several processes can read.

    folder:  of the files.
    paths:   [N], relative to the folder.
    targets: name -> [N] of int64, one value per photo.
    """

    def __init__(self, folder: Path, paths: Sequence[str], targets: Mapping[str, Tensor], size: int) -> None:
        self.folder, self.size = folder, size
        # one array instead of an object per path, which every reading process would copy
        self.paths = np.array(paths, dtype=np.str_)
        self.targets = dict(targets)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, position: int) -> tuple[Tensor, dict[str, Tensor]]:
        return self._image(position), {name: values[position] for name, values in self.targets.items()}

    def __getitems__(self, positions: Sequence[int]) -> Samples:
        index = torch.tensor(positions, dtype=torch.long)
        images = torch.stack([self._image(position) for position in positions])
        return Samples(images, {name: values[index] for name, values in self.targets.items()})

    def _image(self, position: int) -> Tensor:
        return read_photo(self.folder / str(self.paths[position]), self.size)


def read_photo(path: Path, size: int) -> Tensor:
    """Return the photo [3, size, size] of a file, of uint8; grey ones get three equal channels.

    Raises: DataError if the file is missing or is not a whole image.
    """
    from PIL import Image

    try:
        with Image.open(path) as image:
            pixels: Any = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} is not a readable photo ({' '.join(str(error).split())[:120]}): a whole JPEG or PNG file is "
            "expected; unpack the archive again"
        ) from error
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).contiguous()


def spread(n: int, limit: int | None) -> Tensor:
    """Return `limit` positions that are evenly spread over n; all of them if there are no more, or for None."""
    if limit is None or limit >= n:
        return torch.arange(n)
    return torch.from_numpy(np.linspace(0, n, limit, endpoint=False).astype(np.int64))
