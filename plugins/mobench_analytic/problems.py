"""Analytic problems VLMOP2, ZDT1 to ZDT3 and DTLZ2: m functions of a decision vector x, with a known front."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Ge
from torch import Tensor

from mobench.interfaces import Dataset, Objective, Outputs, Protocol, Samples, Split
from mobench.options import option

Box = tuple[float, float]
ROOT_FLOOR = 1e-12
"""Lower bound of the arguments of square roots, whose slope at 0 is infinite."""


class Analytic(Dataset):
    """m functions of one decision vector x of n variables; each split is one empty sample."""

    n_variables: int

    @property
    def bounds(self) -> Box | None:
        """Lower and upper bound of every variable; None if x is free."""
        return (0.0, 1.0)

    @abstractmethod
    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the m function values of x [..., n], each [...]."""

    @property
    def n_objectives(self) -> int:
        return 2

    @property
    def objectives(self) -> tuple[Objective, ...]:
        return tuple(Objective(f"f{i + 1}", self._function(i)) for i in range(self.n_objectives))

    @property
    def heads(self) -> Mapping[str, int]:
        return {"x": self.n_variables}

    @property
    def input_shape(self) -> tuple[int, ...]:
        return (0,)

    @property
    def protocol(self) -> Protocol:
        m = self.n_objectives
        return Protocol("analytic-1", reference=(1.1,) * m, ideal=(0.0,) * m, nadir=(1.0,) * m)

    def load(self, split: Split) -> Samples:
        return Samples(torch.zeros(1, 0))

    def value(self, i: int, x: Tensor) -> Tensor:
        """Return function i of x [..., n], [...].

        Problems whose functions share no computation override this to compute one function only.
        """
        return self.values(x)[i]

    def _function(self, i: int) -> Callable[[Outputs, Samples], Tensor]:
        return lambda outputs, batch: self.value(i, outputs["x"])


@dataclass(frozen=True)
class VLMOP2(Analytic):
    """VLMOP2: f = 1 − exp(−‖x ∓ 1/√n‖²), x free; the Pareto set is the segment between the two centres."""

    n_variables: Annotated[int, Ge(1)] = option(20, "length n of x")

    @property
    def bounds(self) -> None:
        return None

    @property
    def protocol(self) -> Protocol:
        return Protocol("analytic-1", reference=(1.0, 1.0), ideal=(0.0, 0.0), nadir=(1 - math.exp(-4),) * 2)

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.value(0, x), self.value(1, x)

    def value(self, i: int, x: Tensor) -> Tensor:
        centre = (1 - 2 * i) / math.sqrt(self.n_variables)
        # expm1 is accurate for losses near 0
        return -torch.expm1(-(x - centre).square().sum(-1))

    def known_front(self, n_points: int) -> Tensor:
        t = torch.linspace(-1, 1, n_points, dtype=torch.float64)
        x = (t / math.sqrt(self.n_variables))[:, None].expand(-1, self.n_variables)
        return torch.stack(self.values(x), dim=1)


@dataclass(frozen=True)
class ZDT(Analytic):
    """ZDT problems: f1 = x1, f2 = g h(f1, g), g = 1 + 9 mean(x2 … xn); the front is where g = 1."""

    n_variables: Annotated[int, Ge(2)] = option(30, "length n of x")

    @abstractmethod
    def shape(self, f1: Tensor, g: Tensor) -> Tensor:
        """Return h, the shape of the front."""

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        f1 = x[..., 0]
        g = 1 + 9 * x[..., 1:].mean(-1)
        return f1, g * self.shape(f1, g)

    def known_front(self, n_points: int) -> Tensor:
        f1 = torch.linspace(0, 1, n_points, dtype=torch.float64)
        return torch.stack([f1, self.shape(f1, torch.ones_like(f1))], dim=1)


@dataclass(frozen=True)
class ZDT1(ZDT):
    """ZDT1: h = 1 − √(f1/g), a convex front."""

    def shape(self, f1: Tensor, g: Tensor) -> Tensor:
        return 1 - (f1 / g).clamp_min(ROOT_FLOOR).sqrt()


@dataclass(frozen=True)
class ZDT2(ZDT):
    """ZDT2: h = 1 − (f1/g)², a concave front."""

    def shape(self, f1: Tensor, g: Tensor) -> Tensor:
        return 1 - (f1 / g).square()


@dataclass(frozen=True)
class ZDT3(ZDT):
    """ZDT3: h = 1 − √(f1/g) − (f1/g) sin(10π f1), a front of five pieces, with a negative second objective on some."""

    @property
    def protocol(self) -> Protocol:
        return Protocol("analytic-1", reference=(1.1, 1.1), ideal=(0.0, -0.7734), nadir=(0.8519, 1.0))

    def shape(self, f1: Tensor, g: Tensor) -> Tensor:
        return 1 - (f1 / g).clamp_min(ROOT_FLOOR).sqrt() - f1 / g * torch.sin(10 * math.pi * f1)

    def known_front(self, n_points: int) -> Tensor:
        """Return the points of the curve that lie below all points to their left."""
        curve = super().known_front(4 * n_points)
        lowest_before = torch.cat([curve.new_full((1,), math.inf), curve[:, 1].cummin(0).values[:-1]])
        return curve[curve[:, 1] < lowest_before]


@dataclass(frozen=True)
class DTLZ2(Analytic):
    """DTLZ2: f = (1 + g) × a point of the unit sphere in the positive orthant, g = Σ (x_j − ½)²."""

    n_variables: Annotated[int, Ge(3)] = option(12, "length n of x")

    @property
    def n_objectives(self) -> int:
        return 3

    def values(self, x: Tensor) -> tuple[Tensor, ...]:
        radius = 1 + (x[..., 2:] - 0.5).square().sum(-1)
        sin_a, sin_b = ((x[..., k] * math.pi / 2).sin() for k in (0, 1))
        # cos(πx/2), exactly 0 at x = 1; in single precision cos(π/2) is negative there, and a larger g is then better
        cos_a, cos_b = (((1 - x[..., k]) * math.pi / 2).sin() for k in (0, 1))
        return radius * cos_a * cos_b, radius * cos_a * sin_b, radius * sin_a

    def known_front(self, n_points: int) -> Tensor:
        from pymoo.util.ref_dirs import get_reference_directions

        partitions = max(2, round(math.sqrt(2 * n_points)) - 2)
        directions: Tensor = torch.from_numpy(get_reference_directions("das-dennis", 3, n_partitions=partitions))
        front: Tensor = directions / directions.norm(dim=1, keepdim=True)
        return front
