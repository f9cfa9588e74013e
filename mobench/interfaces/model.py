"""What a model is: a recipe for an ordinary torch module, the target network."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import nn

from mobench.errors import IncompatibleError
from mobench.interfaces.dataset import Dataset


class Model(ABC):
    """Builds target networks. A model plugin is a frozen dataclass; its fields are its options."""

    def check(self, dataset: Dataset) -> None:  # noqa: B027 - most models take what their datasets give
        """Raise IncompatibleError, with the reason, for a dataset it cannot serve; before any job is run."""

    @abstractmethod
    def build(self, dataset: Dataset) -> nn.Module:
        """A fresh module, initialised from torch's global random state.

        Its forward takes inputs [B, *dataset.input_shape] and returns a dict with one tensor
        [B, width] for each of `dataset.heads`. Raises what `check` raises.
        """


def image_channels(dataset: Dataset, smallest: int, model: str) -> int:
    """The number of channels of a dataset of images.

    Raises: IncompatibleError for inputs that are no images, or too small for the network.
    """
    shape = dataset.input_shape
    if len(shape) != 3 or min(shape[1:]) < smallest:
        raise IncompatibleError(
            f"{model} takes images [channels, height, width] of at least {smallest}×{smallest}, "
            f"this dataset has inputs of shape {list(shape)}: choose another model"
        )
    return shape[0]
