"""RE21 to RE25: two objectives. In RE22 to RE25 the second one is the total constraint violation."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from mobench_engineering.problem import EngineeringProblem, violation

SMALLEST_WIDTH = 1e-6
"""Lower bound of a variable in a denominator whose own lower bound is 0."""


@dataclass(frozen=True)
class RE21(EngineeringProblem):
    """Four-bar truss: structural volume and joint displacement."""

    n_variables = 4
    lower = (1.0, math.sqrt(2), math.sqrt(2), 1.0)
    upper = (3.0, 3.0, 3.0, 3.0)
    ideal = (1237.841423, 0.002761423749)
    nadir = (2886.369561, 0.04)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        x1, x2, x3, x4 = design.unbind(-1)
        force, elasticity, length = 10.0, 2e5, 200.0
        root = math.sqrt(2)
        volume = length * (2 * x1 + root * x2 + x3.sqrt() + x4)
        displacement = force * length / elasticity * (2 / x1 + 2 * root / x2 - 2 * root / x3 + 2 / x4)
        return volume, displacement


@dataclass(frozen=True)
class RE22(EngineeringProblem):
    """Reinforced concrete beam: cost of concrete and steel, and violation.

    The area of steel x1 is one of the sizes of bars. The published list has 3 and 10 where 3.10 is meant, and so
    has this one, because its front is that of the list.
    """

    n_variables = 3
    lower = (0.2, 0.0, 0.0)
    upper = (15.0, 20.0, 40.0)
    discrete = {  # noqa: RUF012 - a frozen table
        0: (
            0.20, 0.31, 0.40, 0.44, 0.60, 0.62, 0.79, 0.80, 0.88, 0.93, 1.0, 1.20, 1.24, 1.32, 1.40, 1.55, 1.58, 1.60,
            1.76, 1.80, 1.86, 2.0, 2.17, 2.20, 2.37, 2.40, 2.48, 2.60, 2.64, 2.79, 2.80, 3.0, 3.08, 10.0, 3.16, 3.41,
            3.52, 3.60, 3.72, 3.95, 3.96, 4.0, 4.03, 4.20, 4.34, 4.40, 4.65, 4.74, 4.80, 4.84, 5.0, 5.28, 5.40, 5.53,
            5.72, 6.0, 6.16, 6.32, 6.60, 7.11, 7.20, 7.80, 7.90, 8.0, 8.40, 8.69, 9.0, 9.48, 10.27, 11.0, 11.06, 11.85,
            12.0, 13.0, 14.0, 15.0,
        )
    }  # fmt: skip
    ideal = (5.88, 0.0)
    nadir = (361.262944647, 180.01547)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        area, width, depth = design.unbind(-1)
        cost = 29.4 * area + 0.6 * width * depth
        inverse = 1 / width.clamp_min(SMALLEST_WIDTH)
        return cost, violation(area * depth - 7.735 * area**2 * inverse - 180, 4 - depth * inverse)


@dataclass(frozen=True)
class RE23(EngineeringProblem):
    """Pressure vessel: cost and violation; both thicknesses are multiples of 1/16 inch."""

    n_variables = 4
    lower = (1.0, 1.0, 10.0, 10.0)
    upper = (100.0, 100.0, 200.0, 240.0)
    discrete = {0: None, 1: None}  # noqa: RUF012
    ideal = (15.90180078, 0.0)
    nadir = (5852.05896876, 1288669.78054)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        n1, n2, radius, length = design.unbind(-1)
        shell, head = n1 / 16, n2 / 16
        cost = (
            0.6224 * shell * radius * length
            + 1.7781 * head * radius**2
            + 3.1661 * shell**2 * length
            + 19.84 * shell**2 * radius
        )
        volume = math.pi * radius**2 * length + 4 / 3 * math.pi * radius**3
        return cost, violation(shell - 0.0193 * radius, head - 0.00954 * radius, volume - 1_296_000)


@dataclass(frozen=True)
class RE24(EngineeringProblem):
    """Hatch cover: weight and violation."""

    n_variables = 2
    lower = (0.5, 0.5)
    upper = (4.0, 50.0)
    ideal = (60.5, 0.0)
    nadir = (481.608088535, 44.2819047619)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        flange, beam = design.unbind(-1)
        elasticity = 700_000.0
        bending, buckling = 4500 / (flange * beam), elasticity * flange**2 / 100
        shear, deflection = 1800 / beam, 56.2e4 / (elasticity * flange * beam**2)
        margins = 1 - bending / 700, 1 - shear / 450, 1 - deflection / 1.5, 1 - bending / buckling
        return flange + 120 * beam, violation(*margins)


@dataclass(frozen=True)
class RE25(EngineeringProblem):
    """Coil compression spring: volume and violation; whole coils, and wire of standard diameters."""

    n_variables = 3
    lower = (1.0, 0.6, 0.09)
    upper = (70.0, 3.0, 0.5)
    discrete = {  # noqa: RUF012
        0: None,
        2: (
            0.009, 0.0095, 0.0104, 0.0118, 0.0128, 0.0132, 0.014, 0.015, 0.0162, 0.0173, 0.018, 0.02, 0.023, 0.025,
            0.028, 0.032, 0.035, 0.041, 0.047, 0.054, 0.063, 0.072, 0.08, 0.092, 0.105, 0.12, 0.135, 0.148, 0.162,
            0.177, 0.192, 0.207, 0.225, 0.244, 0.263, 0.283, 0.307, 0.331, 0.362, 0.394, 0.4375, 0.5,
        ),
    }  # fmt: skip
    ideal = (0.03759134924, 0.0)
    nadir = (0.40397042546, 2224669.22419)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        n_coils, coil, wire = design.unbind(-1)
        force, preload, shear = 1000.0, 300.0, 11.5e6
        index = coil / wire
        volume = math.pi**2 * coil * wire**2 * (n_coils + 2) / 4
        wahl = (4 * index - 1) / (4 * index - 4) + 0.615 / index
        stiffness = shear * wire**4 / (8 * n_coils * coil**3)
        solid = 1.05 * (n_coils + 2) * wire
        free = force / stiffness + solid
        preloaded, working = preload / stiffness, (force - preload) / stiffness
        margins = (
            189_000 - 8 * wahl * force * coil / (math.pi * wire**3),
            14 - free,
            index - 3,
            6 - preloaded,
            free - preloaded - working - solid,
            1.25 - working,
        )
        return volume, violation(*margins)
