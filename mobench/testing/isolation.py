"""Tools that observe a plugin: the splits it loads, the state it saves, and its behaviour on another device."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import torch

from mobench.interfaces import Dataset, Model, Samples, Split
from mobench.testing.outcomes import Declined
from mobench.text import first_line

NO_VALUES = (
    "cannot be called on meta",
    "Cannot copy out of meta",
    "convert meta device",
    "data-independent",
    "no fake impl",
)
"""Parts of the error messages that torch raises when code reads a value of a tensor on the meta device."""


def watched(dataset: Dataset) -> tuple[Dataset, list[Split]]:
    """Return a copy of the dataset, and a list to which the copy appends every split that it loads."""
    loaded: list[Split] = []
    kind: Any = type(dataset)

    def load(self: Dataset, split: Split) -> Samples:
        loaded.append(split)
        samples: Samples = kind.load(self, split)
        return samples

    # a subclass of the dataset's class, because models check with isinstance whether they accept a dataset
    subclass = type(kind.__name__, (kind,), {"load": load, "__doc__": kind.__doc__})
    copy: Dataset = object.__new__(subclass)
    copy.__dict__.update(vars(dataset))
    return copy, loaded


def altered(model: Model, **attributes: Any) -> Model:
    """Return a copy of the model whose class has other attributes, such as `pretrained` or `build`."""
    kind: Any = type(model)
    # a subclass of the model's class, because generators may check with isinstance whether they accept a model
    altered_kind = type(kind.__name__, (kind,), {**attributes, "__doc__": kind.__doc__})
    copy: Model = object.__new__(altered_kind)
    copy.__dict__.update({name: value for name, value in vars(model).items() if name not in attributes})
    return copy


def with_frozen(model: Model) -> Model:
    """Return a copy of the model whose networks have a frozen first parameter."""
    inner: Any = type(model)

    def build(self: Model, dataset: Dataset) -> torch.nn.Module:
        network: torch.nn.Module = inner.build(self, dataset)
        next(network.parameters()).requires_grad_(False)
        return network

    return altered(model, build=build)


def saved_and_read(state: Any) -> Any:
    """Save the state and read it back, as a checkpoint does.

    Raises: AssertionError for a state that cannot be read back without unpickling arbitrary objects.
    """
    buffer = BytesIO()
    advice = "keep tensors, numbers, text, and lists and dicts of them in it: nothing on disk is ever unpickled"
    try:
        torch.save(state, buffer)
        buffer.seek(0)
        return torch.load(buffer, weights_only=True)
    except (pickle.PickleError, AttributeError, TypeError) as error:
        raise AssertionError(
            f"state_dict cannot be saved and read back ({first_line(error)[:120]}): {advice}"
        ) from error


def device() -> torch.device:
    """Return a CUDA device if there is one, else torch's meta device, whose tensors have no values."""
    return torch.device("cuda" if torch.cuda.is_available() else "meta")


@contextmanager
def elsewhere() -> Iterator[None]:
    """Convert errors of code that runs on `device()` into check results.

    Raises: Declined if there is no CUDA device and the code reads values; AssertionError if the code combines
        tensors of two devices.
    """
    try:
        yield
    except (RuntimeError, NotImplementedError, TypeError) as error:
        message = str(error)
        if any(words in message for words in NO_VALUES):
            raise Declined("no CUDA device is here, and it looks at values, which the meta device has not") from error
        if "device" in message:
            raise AssertionError(
                f"a tensor is on another device than the tensors it is combined with ({first_line(error)[:120]}): "
                "make tensors on the device of the inputs, and keep constants as buffers"
            ) from error
        raise
