"""Objective interface: a differentiable loss and metrics for reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from torch import Tensor

from mobench.errors import OptionError
from mobench.interfaces.samples import Outputs, Samples

Measure = Callable[[Outputs, Samples], Tensor]
"""Maps outputs and a batch to a scalar: the mean over the batch, or a `SummedMeasure`. The value of a split is the mean
over its batches, weighted by their sizes, unless it is a `SummedMeasure`."""


Likelihood = Literal["categorical", "gaussian"]
"""Distribution whose negative log-likelihood is the loss, up to a scale factor: "categorical" for a cross-entropy,
"gaussian" for a squared error."""


@dataclass(frozen=True)
class SummedMeasure:
    """A loss or metric that is a function of sums over samples, and not itself a mean over samples.

    Examples are averages over the samples that have a label, R², gaps between groups and areas under curves; ready
    ones are in `mobench.measures`. The value of a batch is `finish(statistics(outputs, batch))`. For a split, the
    statistics of all batches are summed before `finish`, so that memory does not grow with the number of samples.

    statistics: (outputs, batch) -> name -> tensor. Names and shapes are the same for every batch, and the statistics
        of two batches together are the sums of theirs. It receives prepared samples.
    finish: sums -> scalar. For a loss, both functions are differentiable, and the value is finite for any batch, also
        for one without samples of a group. In evaluation the sums are on the CPU in float64.
    """

    statistics: Callable[[Outputs, Samples], Mapping[str, Tensor]]
    finish: Callable[[Mapping[str, Tensor]], Tensor]

    def __call__(self, outputs: Outputs, batch: Samples) -> Tensor:
        """Return the value of one batch, in the dtype of the outputs."""
        dtype = next(iter(outputs.values())).dtype
        return self.finish(self.statistics(outputs, batch)).to(dtype)


@dataclass(frozen=True)
class Metric:
    """A reported value that is not optimised: accuracy, error, bits per character.

    measure: a mean over the batch, or a `SummedMeasure`.
    pooled: `measure` receives the outputs and the prepared samples of the whole split at once, on the CPU. Its memory
            grows with the split; prefer a `SummedMeasure` where one exists.
    """

    name: str
    measure: Measure
    higher_is_better: bool = True
    unit: str = ""
    pooled: bool = False

    def __post_init__(self) -> None:
        if self.pooled and isinstance(self.measure, SummedMeasure):
            raise OptionError(
                f"metric {self.name!r} is a SummedMeasure and states pooled=True: leave out pooled, because its "
                "statistics are summed over batches"
            )


@dataclass(frozen=True)
class Objective:
    """One of the m losses, minimised.

    loss: (outputs, batch) -> scalar, differentiable: the mean over the batch, or a `SummedMeasure`.
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
