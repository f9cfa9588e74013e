"""Dataset `text`: windows of bytes; the objective is the mean cross-entropy of the next byte."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Interval
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench import files
from mobench.datafiles import require
from mobench.errors import DataError
from mobench.interfaces import Dataset, Objective, Outputs, Protocol, Samples, Split
from mobench.options import option

HEAD = "byte"
N_BYTES = 256
MAX_BYTES = 2**31
"""Of a file: twice the size of enwik9."""


@dataclass(frozen=True)
class Text(Dataset):
    """The bytes of a file: the first part is the training split, the next the validation and the last the test split.

    A sample is a window of `length` bytes. Its targets are the same bytes shifted by one. Windows do
    not overlap, and a network starts each window with an empty state. The first bytes of a window
    therefore cost more than in papers that carry the state over, but equally so for all networks.
    """

    source: str = option("wiki", "wiki (6 MB of Wikipedia), embedded (a page, for tests), or a file such as enwik8")
    length: Annotated[int, Gt(1)] = option(100, "bytes of a window")
    limit: Annotated[int, Gt(0)] | None = option(None, "use only this many bytes of the file; none: all")
    held_out: Annotated[float, Interval(gt=0, lt=0.5)] = option(
        0.05, "share of the file for validation, and for testing"
    )

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return (Objective(HEAD, bits_per_character, unit="bits per character", likelihood="categorical"),)

    @property
    def heads(self) -> Mapping[str, int]:
        return {HEAD: N_BYTES}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def protocol(self) -> Protocol:
        return Protocol("text-1", reference=(8.0,), ideal=(0.0,), nadir=(8.0,))

    def load(self, split: Split) -> Samples:
        data = np.frombuffer(self._read()[: self.limit], np.uint8)
        n_held = int(len(data) * self.held_out)
        cuts = [0, len(data) - 2 * n_held, len(data) - n_held, len(data)]
        which = ("train", "val", "test").index(split)
        part = data[cuts[which] : cuts[which + 1]]
        n_windows = (len(part) - 1) // self.length
        if n_windows < 1:
            raise DataError(
                f"source {self.source!r} has {len(data)} bytes, too few for a {split} window of {self.length}: "
                "take a longer text or a smaller length"
            )
        n = n_windows * self.length
        inputs, targets = (torch.from_numpy(part[i : i + n].copy()).reshape(n_windows, self.length) for i in (0, 1))
        return Samples(inputs, {HEAD: targets})

    def prepare(self, batch: Samples) -> Samples:
        """Return the bytes as integers, which index embeddings."""
        return Samples(batch.inputs.long(), {HEAD: batch.targets[HEAD].long()})

    def _read(self) -> bytes:
        if self.source == "wiki":
            (path,) = require("wiki").values()
            return path.read_bytes()
        if self.source == "embedded":
            return resources.files("mobench_text").joinpath("README.md").read_bytes()
        try:
            return files.read(self.source, MAX_BYTES)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise DataError(
                f"source {self.source!r} cannot be read ({reason}): wiki, embedded, or the path of a file"
            ) from error


def bits_per_character(outputs: Outputs, batch: Samples) -> Tensor:
    """Return the mean cross-entropy of the next byte, in bits; outputs [B, T, 256], targets [B, T]."""
    return cross_entropy(outputs[HEAD].flatten(0, 1), batch.targets[HEAD].flatten()) / math.log(2)
