"""Views of a plugin from outside: what it loads, what it saves, what it makes without a value in hand."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import torch

from mobench.interfaces import Dataset, Samples, Split
from mobench.testing.outcomes import Declined

NO_VALUES = (
    "cannot be called on meta",
    "Cannot copy out of meta",
    "convert meta device",
    "data-independent",
    "no fake impl",
)
"""What torch says where something looks at the value of a tensor that has none."""


def watched(dataset: Dataset) -> tuple[Dataset, list[Split]]:
    """The same dataset, and a list to which every split that is loaded through it will be added."""
    loaded: list[Split] = []
    kind: Any = type(dataset)

    def load(self: Dataset, split: Split) -> Samples:
        loaded.append(split)
        samples: Samples = kind.load(self, split)
        return samples

    # a class deriving from the dataset's own: models ask with isinstance whether they can serve it
    own = type(kind.__name__, (kind,), {"load": load, "__doc__": kind.__doc__})
    copy: Dataset = object.__new__(own)
    copy.__dict__.update(vars(dataset))
    return copy, loaded


def saved_and_read(state: Any) -> Any:
    """The state as a checkpoint gives it back.

    Raises: AssertionError for what cannot be read back without executing it.
    """
    buffer = BytesIO()
    advice = "keep tensors, numbers, text, and lists and dicts of them in it: nothing on disk is ever unpickled"
    try:
        torch.save(state, buffer)
        buffer.seek(0)
        return torch.load(buffer, weights_only=True)
    except (pickle.PickleError, AttributeError, TypeError) as error:
        reason = str(error).strip().splitlines()
        raise AssertionError(f"state_dict cannot be saved and read back ({reason[0][:120]}): {advice}") from error


def device() -> torch.device:
    """A CUDA device where there is one, else torch's device of tensors without values."""
    return torch.device("cuda" if torch.cuda.is_available() else "meta")


@contextmanager
def elsewhere() -> Iterator[None]:
    """Failures on `device()` as messages.

    Raises: Declined where there is no CUDA device and something looks at values; AssertionError where
        tensors of two devices meet.
    """
    try:
        yield
    except (RuntimeError, NotImplementedError, TypeError) as error:
        said = str(error)
        if any(words in said for words in NO_VALUES):
            raise Declined("no CUDA device is here, and it looks at values, which the meta device has not") from error
        if "device" in said:
            raise AssertionError(
                f"a tensor is on another device than what it meets ({said.splitlines()[0][:120]}): make tensors on the "
                "device of the inputs, and keep constants as buffers"
            ) from error
        raise
