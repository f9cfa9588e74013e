"""Model interface: builds the target network, an ordinary torch module."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from torch import nn

from mobench.errors import IncompatibleError
from mobench.interfaces.dataset import Dataset, head_shape


class Model(ABC):
    """Builds target networks. A model plugin is a frozen dataclass; its fields are its options.

    takes_head_shapes: True if the network returns outputs [B, *shape] for heads that state a shape instead of a width;
        other models are declined for such datasets.
    takes_named_inputs: True if the network takes named tensors, a mapping name -> [B, ...], where the dataset has
        named inputs; other models are declined for such datasets.
    pretrained: True if `build` returns a network with pretrained weights; it may be an option. Training then starts at
        the weights of the first network that is built, and generators that do not start there are declined.
    """

    takes_head_shapes: ClassVar[bool] = False
    takes_named_inputs: ClassVar[bool] = False
    pretrained: bool = False

    def check(self, dataset: Dataset) -> None:  # noqa: B027 - most models support every dataset
        """Raise IncompatibleError, with the reason, if the dataset is not supported; called before any job is run."""

    @abstractmethod
    def build(self, dataset: Dataset) -> nn.Module:
        """Return a new module, initialised from torch's global random state.

        Its forward method takes inputs [B, *dataset.input_shape], or a mapping of named inputs, and returns a dict
        with one tensor [B, width], or [B, *shape], for each of `dataset.heads`. Raises the same errors as `check`.
        """

    def task_parameters(self, dataset: Dataset) -> Mapping[str, str]:
        """Return task-specific parameters: name of a parameter of the module -> name of its objective.

        By default this is empty. The parameters that only one loss reaches are found without it, from the graph of
        the losses. Declare a parameter if other losses reach it too, but only one shall train it.
        """
        return {}

    def weight_bounds(self, dataset: Dataset) -> tuple[float, float] | None:
        """Return the lower and upper bound of every trained weight for solvers that search without gradients.

        None, the default, states no bounds; such solvers then choose them from the initial weights.
        """
        return None


def check_model(model: Model, dataset: Dataset) -> None:
    """Raise IncompatibleError unless the model serves the dataset: what it declares, then its own `check`."""
    check_declared(model, dataset)
    model.check(dataset)


def check_declared(model: Model, dataset: Dataset) -> None:
    """Raise IncompatibleError if the dataset needs something that the model does not declare."""
    name = type(model).__name__
    shaped = {head: list(head_shape(size)) for head, size in dataset.heads.items() if not isinstance(size, int)}
    if shaped and not model.takes_head_shapes:
        head, shape = next(iter(shaped.items()))
        raise IncompatibleError(
            f"{name} returns heads of a width, this dataset has a head {head!r} of shape {shape}: choose a model with "
            "takes_head_shapes = True"
        )
    if isinstance(dataset.input_shape, Mapping) and not model.takes_named_inputs:
        raise IncompatibleError(
            f"{name} takes one tensor, this dataset has the named inputs {', '.join(map(repr, dataset.input_shape))}: "
            "choose a model with takes_named_inputs = True"
        )


def shape_text(shape: Any) -> str:
    """Return an input shape for a message: "[3, 32, 32]", or "'tokens' [20], 'mask' [20]"."""
    if isinstance(shape, Mapping):
        return ", ".join(f"{name!r} {list(size)}" for name, size in shape.items())
    return str(list(shape))


def image_channels(dataset: Dataset, smallest: int, model: str) -> int:
    """Return the number of channels of an image dataset.

    smallest: smallest height and width that the network accepts.
    model:    name of the model for the error message.

    Raises: IncompatibleError if the inputs are not images or are too small for the network.
    """
    shape = dataset.input_shape
    if isinstance(shape, Mapping) or len(shape) != 3 or min(shape[1:]) < smallest:
        raise IncompatibleError(
            f"{model} takes images [channels, height, width] of at least {smallest}×{smallest}, "
            f"this dataset has inputs of shape {shape_text(shape)}: choose another model"
        )
    channels: int = shape[0]
    return channels
