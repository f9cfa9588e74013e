"""Base class of the engineering problems: box, discrete variables, scaled objectives, a computed front."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from mobench.interfaces import Protocol
from mobench_analytic.problems import Analytic
from mobench_engineering.fronts import computed_front

REFERENCE = 1.1
"""Reference value of every scaled objective, as in the paper."""


@dataclass(frozen=True)
class EngineeringProblem(Analytic):
    """m functions of a design in a box, scaled so that the ideal point is 0 and the nadir point is 1.

    The decision vector x [..., n] is the position in the box: variable j of the design is
    lower_j + (upper_j − lower_j) x_j, rounded to the nearest accepted value if it is discrete. Losses are
    those of the rounded design, in training and in evaluation. Their gradients are those of the functions at
    the rounded design, with slope 1 for the rounding (straight-through estimator, arXiv 1308.3432).

    lower, upper: bounds of the design's variables.
    discrete: index of a discrete variable -> its accepted values; None stands for the whole numbers.
    ideal, nadir: one value per objective, in original units; loss = (f − ideal) / (nadir − ideal).
    """

    lower: ClassVar[tuple[float, ...]]
    upper: ClassVar[tuple[float, ...]]
    discrete: ClassVar[Mapping[int, tuple[float, ...] | None]] = {}
    ideal: ClassVar[tuple[float, ...]]
    nadir: ClassVar[tuple[float, ...]]

    @abstractmethod
    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        """Return the m function values of a design [..., n] in original units, each [...]."""

    @property
    def n_objectives(self) -> int:
        return len(self.ideal)

    @property
    def protocol(self) -> Protocol:
        m = self.n_objectives
        return Protocol("engineering-1", reference=(REFERENCE,) * m, ideal=(0.0,) * m, nadir=(1.0,) * m)

    def design(self, x: Tensor) -> Tensor:
        """Return the design [..., n] of a decision vector x [..., n] in [0, 1]; discrete variables are rounded."""
        columns = []
        for j, (column, lower, upper) in enumerate(zip(x.unbind(-1), self.lower, self.upper, strict=True)):
            value = lower + (upper - lower) * column
            columns.append(_rounded(value, self.discrete[j]) if j in self.discrete else value)
        return torch.stack(columns, -1)

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        values = self.functions(self.design(x))
        return tuple((f - a) / (b - a) for f, a, b in zip(values, self.ideal, self.nadir, strict=True))

    def known_front(self, n_points: int) -> Tensor:
        """Return at most `n_points` points of the front computed by `mobench_engineering.compute_fronts`.

        They are the non-dominated ones below the reference among all designs that were tried, and approximate the
        front. Fewer are returned if the file has fewer.
        """
        ideal, nadir = (torch.tensor(point, dtype=torch.float64) for point in (self.ideal, self.nadir))
        return (computed_front(type(self).__name__)[:n_points] - ideal) / (nadir - ideal)


def violation(*margins: Tensor) -> Tensor:
    """Return Σ max(0, −g) over the margins g of constraints g ≥ 0."""
    return torch.stack([(-margin).clamp_min(0) for margin in margins]).sum(0)


def _rounded(value: Tensor, accepted: tuple[float, ...] | None) -> Tensor:
    """Round to the nearest accepted value (the first of two equally near ones); the gradient has slope 1."""
    if accepted is None:
        nearest = value.detach().round()
    else:
        grid = torch.tensor(accepted, dtype=value.dtype, device=value.device)
        nearest = grid[(value.detach()[..., None] - grid).abs().argmin(-1)]
    return nearest + (value - value.detach())
