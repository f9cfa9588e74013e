"""Model interface: builds the target network, an ordinary torch module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

from torch import nn

from mobench.errors import IncompatibleError
from mobench.interfaces.dataset import Dataset


class Model(ABC):
    """Builds target networks. A model plugin is a frozen dataclass; its fields are its options."""

    def check(self, dataset: Dataset) -> None:  # noqa: B027 - most models support every dataset
        """Raise IncompatibleError, with the reason, if the dataset is not supported; called before any job is run."""

    @abstractmethod
    def build(self, dataset: Dataset) -> nn.Module:
        """Return a new module, initialised from torch's global random state.

        Its forward method takes inputs [B, *dataset.input_shape] and returns a dict with one tensor
        [B, width] for each of `dataset.heads`. Raises the same errors as `check`.
        """

    def task_parameters(self, dataset: Dataset) -> Mapping[str, str]:
        """Return task-specific parameters: name of a parameter of the module -> name of its objective.

        By default this is empty. The parameters that only one loss reaches are found without it, from the graph of
        the losses. Declare a parameter if other losses reach it too, but only one shall train it.
        """
        return {}


def image_channels(dataset: Dataset, smallest: int, model: str) -> int:
    """Return the number of channels of an image dataset.

    smallest: smallest height and width that the network accepts.
    model:    name of the model for the error message.

    Raises: IncompatibleError if the inputs are not images or are too small for the network.
    """
    shape = dataset.input_shape
    if len(shape) != 3 or min(shape[1:]) < smallest:
        raise IncompatibleError(
            f"{model} takes images [channels, height, width] of at least {smallest}×{smallest}, "
            f"this dataset has inputs of shape {list(shape)}: choose another model"
        )
    return shape[0]
