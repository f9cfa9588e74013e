"""What an objective is: a differentiable loss, and metrics for people to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from mobench.errors import OptionError
from mobench.interfaces.samples import Outputs, Samples

Measure = Callable[[Outputs, Samples], Tensor]
"""A scalar: the mean over the batch, so that a split's value is the mean of its batches'
weighted by their sizes."""


Likelihood = Literal["categorical", "gaussian"]
"""The distribution whose negative log-likelihood a loss is, up to its scale: "categorical" for a cross-entropy,
"gaussian" for a squared error."""


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
    likelihood: what the loss is the negative log-likelihood of; None: it is not stated. Methods that model
        the noise of a task read it (uncertainty weighting).
    """

    name: str
    loss: Measure
    metrics: tuple[Metric, ...] = ()
    unit: str = ""
    likelihood: Likelihood | None = None

    def __post_init__(self) -> None:
        if self.likelihood not in (None, *get_args(Likelihood)):
            raise OptionError(
                f"objective {self.name!r} states the likelihood {self.likelihood!r}: "
                f"{', '.join(map(repr, get_args(Likelihood)))} and None are accepted"
            )
