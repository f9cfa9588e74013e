"""Base class of the datasets of scenes: options, splits of stored samples, and normalisation of images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Protocol

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from mobench.interfaces import Dataset, Samples, Split, StoredSamples
from mobench.options import option

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, as in torchvision's pretrained networks."""
Side = Annotated[int, Gt(0)]


class SceneRows(Protocol):
    """A map-style dataset of scenes: `rows[i]` returns the image [3, H, W] and the labels by name."""

    def __len__(self) -> int: ...

    def __getitem__(self, position: int, /) -> tuple[Any, Mapping[str, Any]]: ...


@dataclass(frozen=True)
class Scenes(Dataset):
    """Images with labels at every pixel, in files that the user provides and that stay on disk."""

    folder: str = option("", "folder with the files; empty: the usual one, in $MOBENCH_DATA or the cache")
    size: tuple[Side, Side] = option((288, 384), "height and width of samples; those of the files, or a whole fraction")
    normalisation: Literal["none", "imagenet"] = option(
        "none", "imagenet: subtract the mean colour of ImageNet and divide by its standard deviation"
    )
    limit: Annotated[int, Gt(0)] | None = option(None, "use this many images of each split, evenly spread; none: all")

    @abstractmethod
    def rows(self, split: Split) -> SceneRows:
        """Return all rows of a split. Raises: DataError if files are missing."""

    @property
    def heads(self) -> Mapping[str, tuple[int, ...]]:
        return {name: (n_channels, *self.size) for name, n_channels in self.channels.items()}

    @property
    @abstractmethod
    def channels(self) -> Mapping[str, int]:
        """Head -> number of its channels."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (3, *self.size)

    def load(self, split: Split) -> StoredSamples:
        samples = StoredSamples(self.rows(split))
        return samples.subset(torch.from_numpy(self._chosen(len(samples))))

    def prepare(self, batch: Samples) -> Samples:
        batch = super().prepare(batch)
        if self.normalisation == "none":
            return batch
        mean, deviation = (_per_channel(values, batch.inputs) for values in (MEAN, DEVIATION))
        return replace(batch, inputs=(batch.inputs - mean) / deviation)

    def _chosen(self, n: int) -> Any:
        if self.limit is None:
            return np.arange(n)
        return np.linspace(0, n, min(self.limit, n), endpoint=False).astype(np.int64)


def _per_channel(values: Sequence[float], like: Any) -> Tensor:
    return torch.tensor(values, dtype=like.dtype, device=like.device)[:, None, None]
