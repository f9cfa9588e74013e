"""Dataset `markup-prose`: the next byte of wikitext, in bits per byte of markup and per byte of prose."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from annotated_types import Gt, Interval
from torch import Tensor
from torch.nn.functional import cross_entropy

from mobench.errors import DataError
from mobench.interfaces import Dataset, Objective, Protocol, Samples, Split
from mobench.measures import masked_mean
from mobench.options import option
from mobench_markup_prose.pages import markup_bytes, pages_of

HEAD = "byte"
N_BYTES = 256
OBJECTIVES = ("markup", "prose")


@dataclass(frozen=True)
class MarkupProse(Dataset):
    """Windows of wikitext from pages that pretraining does not show; each byte is markup or prose.

    A sample is a window of `length` bytes. Its targets are the same bytes shifted by one. A network starts each window
    with an empty state. The first objective is the mean cross-entropy of the bytes that are markup, the second that of
    the bytes that are prose, both in bits.
    """

    length: Annotated[int, Interval(ge=2, le=1000)] = option(64, "bytes of a window")
    held_out_windows: Annotated[int, Gt(0)] = option(
        400, "windows for validation, and for testing, evenly spread; at most all"
    )
    limit: Annotated[int, Gt(0)] | None = option(None, "use this many windows for training, evenly spread; none: all")

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(
            Objective(name, masked_mean(_bits, HEAD, mask=name), unit="bits per byte", likelihood="categorical")
            for name in OBJECTIVES
        )

    @property
    def heads(self) -> Mapping[str, int]:
        return {HEAD: N_BYTES}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (self.length,)

    @property
    def protocol(self) -> Protocol:
        # the pretrained network has 2.35 and 2.21 on the test split; the best compressors need more than one bit
        return Protocol("markup-prose-2", reference=(2.5, 2.4), ideal=(1.0, 1.0), nadir=(8.0, 8.0), subset="random")

    def load(self, split: Split) -> Samples:
        texts = pages_of(split)
        data = np.frombuffer("".join(texts).encode(), np.uint8)
        is_markup = np.concatenate([markup_bytes(text) for text in texts])
        n_windows = (len(data) - 1) // self.length
        if n_windows < 1:
            raise DataError(
                f"the {split} pages have {len(data)} bytes, too few for a window of {self.length}: fetch the file "
                "again with `mobench data fetch wiki`, or choose a smaller length"
            )
        at_most = self.limit if split == "train" else self.held_out_windows
        n_chosen = min(n_windows, at_most or n_windows)
        starts = np.linspace(0, n_windows, n_chosen, endpoint=False).astype(np.int64) * self.length
        positions = starts[:, None] + np.arange(self.length)
        shifted = positions + 1
        targets = {HEAD: data[shifted], "markup": is_markup[shifted], "prose": ~is_markup[shifted]}
        return Samples(
            torch.from_numpy(data[positions]), {name: torch.from_numpy(values) for name, values in targets.items()}
        )

    def prepare(self, batch: Samples) -> Samples:
        """Return the bytes as integers, which index embeddings."""
        return Samples(batch.inputs.long(), {**batch.targets, HEAD: batch.targets[HEAD].long()})


def _bits(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the cross-entropy [B, T] of each byte in bits; logits [B, T, 256], targets [B, T]."""
    return cross_entropy(logits.movedim(-1, 1), targets, reduction="none") / math.log(2)
