"""Objective interface: a differentiable loss and metrics for reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from mobench.errors import OptionError
from mobench.interfaces.samples import Outputs, Samples

Measure = Callable[[Outputs, Samples], Tensor]
"""Maps outputs and a batch to a scalar, the mean over the batch. The value of a split is the mean over its batches,
weighted by their sizes."""


Likelihood = Literal["categorical", "gaussian"]
"""Distribution whose negative log-likelihood is the loss, up to a scale factor: "categorical" for a cross-entropy,
"gaussian" for a squared error."""


@dataclass(frozen=True)
class Metric:
    """A reported value that is not optimised: accuracy, error, bits per character.

    pooled: `measure` receives the outputs and the prepared samples of the whole split at once, on the CPU. Use it for
            metrics that are not a mean over samples (calibration error, areas under curves).
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
    likelihood: the distribution whose negative log-likelihood is the loss; None if it is not specified. Methods that
        model the noise of a task use it (uncertainty weighting).
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
