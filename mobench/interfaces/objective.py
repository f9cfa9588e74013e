"""What an objective is: a differentiable loss, and metrics for people to read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

if TYPE_CHECKING:
    from mobench.interfaces.dataset import Samples

Outputs = Mapping[str, Tensor]
"""What a target network returns: head name -> [B, ...]."""

Measure = Callable[[Outputs, "Samples"], Tensor]
"""A scalar: the mean over the batch, so that a split's value is the mean of its batches'
weighted by their sizes."""


@dataclass(frozen=True)
class Metric:
    """A figure for people to read, never optimised: accuracy, error, bits per character.

    pooled: `measure` is given the outputs and the prepared samples of the whole split at once, on the CPU, as
            figures need that are no mean over samples (calibration error, areas under curves).
    """

    name: str
    measure: Measure
    higher_is_better: bool = True
    unit: str = ""
    pooled: bool = False


@dataclass(frozen=True)
class Objective:
    """One of the m losses, minimised.

    loss: (outputs, batch) -> scalar, differentiable, the mean over the batch.
    """

    name: str
    loss: Measure
    metrics: tuple[Metric, ...] = ()
    unit: str = ""
