"""Model `point`: its weights are the decision vector."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mobench.errors import IncompatibleError
from mobench.interfaces import Dataset, Model
from mobench_analytic.problems import Analytic, Box


@dataclass(frozen=True)
class Point(Model):
    """The decision vector x itself; the input is ignored.

    If the problem has bounds, x = lower + (upper − lower) |u − 2 round(u/2)| with u trained: x is
    reflected at its bounds. The map reaches both bounds, never leaves them, and has slope 1 or −1
    everywhere. A clamp has slope 0 outside the bounds, a sigmoid only approaches them, and a sin² is
    flat at them: a network whose x has reached a bound could not move it away again.
    """

    def check(self, dataset: Dataset) -> None:
        if not isinstance(dataset, Analytic):
            raise IncompatibleError(
                "point is for analytic problems, whose objectives are functions of x; this dataset has samples: "
                "choose a network such as lenet"
            )

    def build(self, dataset: Dataset) -> nn.Module:
        self.check(dataset)
        assert isinstance(dataset, Analytic)
        return _Point(dataset.n_variables, dataset.bounds)

    def weight_bounds(self, dataset: Dataset) -> Box | None:
        """Return the interval [0, 1], on which u is the position in the box; None if x is free."""
        assert isinstance(dataset, Analytic)
        return None if dataset.bounds is None else (0.0, 1.0)


class _Point(nn.Module):
    def __init__(self, n_variables: int, bounds: Box | None) -> None:
        super().__init__()
        self.bounds = bounds
        u = torch.rand(n_variables)
        # free variables start around 0 at the scale of the problems' centres, bounded variables well inside the bounds
        self.u = nn.Parameter((2 * u - 1) / math.sqrt(n_variables) if bounds is None else 0.2 + 0.6 * u)

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        if self.bounds is None:
            return {"x": self.u}
        lower, upper = self.bounds
        return {"x": lower + (upper - lower) * (self.u - 2 * torch.round(self.u / 2)).abs()}
