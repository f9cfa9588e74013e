"""RE31 to RE37: three objectives. In RE31 to RE33, RE35 and RE36 the third one is the total constraint violation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mobench_engineering.problem import EngineeringProblem, violation


@dataclass(frozen=True)
class RE31(EngineeringProblem):
    """Two-bar truss: volume, stress and violation."""

    n_variables = 3
    lower = (1e-5, 1e-5, 1.0)
    upper = (100.0, 100.0, 3.0)
    ideal = (5.537319187e-05, 0.3333333333, 0.0)
    nadir = (500.002668442, 8246211.25124, 19359919.7502)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        area1, area2, height = design.unbind(-1)
        bar1, bar2 = (16 + height**2).sqrt(), (1 + height**2).sqrt()
        volume = area1 * bar1 + area2 * bar2
        stress1, stress2 = 20 * bar1 / (area1 * height), 80 * bar2 / (area2 * height)
        return volume, stress1, violation(0.1 - volume, 1e5 - stress1, 1e5 - stress2)


@dataclass(frozen=True)
class RE32(EngineeringProblem):
    """Welded beam: cost, deflection and violation."""

    n_variables = 4
    lower = (0.125, 0.1, 0.1, 0.125)
    upper = (5.0, 10.0, 10.0, 5.0)
    ideal = (0.01020549687, 0.00043904, 0.0)
    nadir = (37.7831517014, 17561.6, 425062976.628)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        weld, length, height, width = design.unbind(-1)
        load, beam, elasticity, shear = 6000.0, 14.0, 30e6, 12e6
        cost = 1.10471 * weld**2 * length + 0.04811 * height * width * (14 + length)
        deflection = 4 * load * beam**3 / (elasticity * width * height**3)
        moment = load * (beam + length / 2)
        arm = ((weld + height) / 2) ** 2
        radius = (length**2 / 4 + arm).sqrt()
        polar = 2 * math.sqrt(2) * weld * length * (length**2 / 12 + arm)
        direct, bending = load / (math.sqrt(2) * weld * length), moment * radius / polar
        tau = (direct**2 + direct * bending * length / radius + bending**2).sqrt()
        sigma = 6 * load * beam / (width * height**2)
        buckling = 4.013 * elasticity * height * width**3 / 6 / beam**2
        buckling = buckling * (1 - height / (2 * beam) * math.sqrt(elasticity / (4 * shear)))
        return cost, deflection, violation(13_600 - tau, 30_000 - sigma, width - weld, buckling - load)


@dataclass(frozen=True)
class RE33(EngineeringProblem):
    """Disc brake: mass, stopping time and violation."""

    n_variables = 4
    lower = (55.0, 75.0, 1000.0, 11.0)
    upper = (80.0, 110.0, 3000.0, 20.0)
    ideal = (-0.721525, 1.139072039, 0.0)
    nadir = (5.3067, 3.12833430979, 25.0)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        inner, outer, force, n_surfaces = design.unbind(-1)
        squares, cubes = outer**2 - inner**2, outer**3 - inner**3
        mass = 4.9e-5 * squares * (n_surfaces - 1)
        # squares / cubes with the common factor outer − inner divided out: both are 0 where the radii are equal
        per_cube = (outer + inner) / (outer**2 + outer * inner + inner**2)
        time = 9.82e6 * per_cube / (force * n_surfaces)
        area = _away_from_zero(squares)
        margins = (
            outer - inner - 20,
            0.4 - force / (3.14 * area),
            1 - 2.22e-3 * force * cubes / area**2,
            2.66e-2 * force * n_surfaces / per_cube - 900,
        )
        return mass, time, violation(*margins)


@dataclass(frozen=True)
class RE34(EngineeringProblem):
    """Vehicle crashworthiness: mass, acceleration and toe-board intrusion."""

    n_variables = 5
    lower = (1.0,) * 5
    upper = (3.0,) * 5
    ideal = (1661.707822, 6.1428, 0.0394)
    nadir = (1695.2002035, 10.7454, 0.26399999965)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        x1, x2, x3, x4, x5 = design.unbind(-1)
        mass = 1640.2823 + 2.3573285 * x1 + 2.3220035 * x2 + 4.5688768 * x3 + 7.7213633 * x4 + 4.4559504 * x5
        acceleration = (
            6.5856 + 1.15 * x1 - 1.0427 * x2 + 0.9738 * x3 + 0.8364 * x4
            - 0.3695 * x1 * x4 + 0.0861 * x1 * x5 + 0.3628 * x2 * x4
            - 0.1106 * x1**2 - 0.3437 * x3**2 + 0.1764 * x4**2
        )  # fmt: skip
        intrusion = (
            -0.0551 + 0.0181 * x1 + 0.1024 * x2 + 0.0421 * x3
            - 0.0073 * x1 * x2 + 0.024 * x2 * x3 - 0.0118 * x2 * x4 - 0.0204 * x3 * x4 - 0.008 * x3 * x5
            - 0.0241 * x2**2 + 0.0109 * x4**2
        )  # fmt: skip
        return mass, acceleration, intrusion


@dataclass(frozen=True)
class RE35(EngineeringProblem):
    """Speed reducer: weight, stress and violation; the third variable is a number of teeth."""

    n_variables = 7
    lower = (2.6, 0.7, 17.0, 7.3, 7.3, 2.9, 5.0)
    upper = (3.6, 0.8, 28.0, 8.3, 8.3, 3.9, 5.5)
    discrete = {2: None}  # noqa: RUF012
    ideal = (2352.346111, 694.2335874, 0.0)
    nadir = (6634.56208, 1695.96387746, 397.358927317)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        face, module, teeth, length1, length2, shaft1, shaft2 = design.unbind(-1)
        weight = (
            0.7854 * face * module**2 * (10 / 3 * teeth**2 + 14.933 * teeth - 43.0934)
            - 1.508 * face * (shaft1**2 + shaft2**2)
            + 7.477 * (shaft1**3 + shaft2**3)
            + 0.7854 * (length1 * shaft1**2 + length2 * shaft2**2)
        )
        pitch = module * teeth
        stress1 = ((745 * length1 / pitch) ** 2 + 1.69e7).sqrt() / (0.1 * shaft1**3)
        stress2 = ((745 * length2 / pitch) ** 2 + 1.575e8).sqrt() / (0.1 * shaft2**3)
        margins = (
            1 / 27 - 1 / (face * module**2 * teeth),
            1 / 397.5 - 1 / (face * pitch**2),
            1 / 1.93 - length1**3 / (pitch * shaft1**4),
            1 / 1.93 - length2**3 / (pitch * shaft2**4),
            40 - pitch,
            12 - face / module,
            face / module - 5,
            length1 - 1.5 * shaft1 - 1.9,
            length2 - 1.1 * shaft2 - 1.9,
            1300 - stress1,
            1100 - stress2,
        )
        return weight, stress1, violation(*margins)


@dataclass(frozen=True)
class RE36(EngineeringProblem):
    """Gear train: error of the transmission ratio, largest number of teeth and violation; four whole numbers."""

    n_variables = 4
    lower = (12.0,) * 4
    upper = (60.0,) * 4
    discrete = dict.fromkeys(range(4))
    ideal = (7.894736842e-05, 12.0, 0.0)
    nadir = (5.931, 56.0, 0.355720675227)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        x1, x2, x3, x4 = design.unbind(-1)
        error = (6.931 - x3 / x1 * (x4 / x2)).abs()
        return error, design.amax(-1), violation(0.5 - error / 6.931)


@dataclass(frozen=True)
class RE37(EngineeringProblem):
    """Rocket injector: temperature of its face, combustion length and temperature of its tip."""

    n_variables = 4
    lower = (0.0,) * 4
    upper = (1.0,) * 4
    ideal = (0.008893413911, 0.00488, -0.4315)
    nadir = (0.98949120096, 0.956587924661, 0.987530948586)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        a, h, o, t = design.unbind(-1)
        face = (
            0.692 + 0.477 * a - 0.687 * h - 0.080 * o - 0.0650 * t
            - 0.167 * a**2 + 0.0796 * h**2 + 0.0877 * o**2 + 0.0184 * t**2
            - 0.0129 * h * a - 0.0634 * o * a - 0.0257 * o * h
            - 0.0521 * t * a + 0.00156 * t * h + 0.00198 * t * o
        )  # fmt: skip
        length = (
            0.153 - 0.322 * a + 0.396 * h + 0.424 * o + 0.0226 * t
            + 0.175 * a**2 - 0.0701 * h**2 + 0.0150 * o**2 + 0.0192 * t**2
            + 0.0185 * h * a - 0.251 * o * a + 0.179 * o * h
            + 0.0134 * t * a + 0.0296 * t * h + 0.0752 * t * o
        )  # fmt: skip
        tip = (
            0.370 - 0.205 * a + 0.0307 * h + 0.108 * o + 1.019 * t
            - 0.135 * a**2 + 0.0998 * h**2 - 0.226 * o**2 - 0.423 * t**2
            + 0.0141 * h * a + 0.208 * o * a - 0.0301 * o * h + 0.353 * t * a - 0.0497 * t * o
            + 0.202 * h * a**2 - 0.281 * o * a**2 - 0.342 * h**2 * a - 0.245 * h**2 * o
            + 0.281 * o**2 * h - 0.184 * t**2 * a - 0.281 * h * a * o
        )  # fmt: skip
        return face, length, tip


def _away_from_zero(x: Tensor) -> Tensor:
    """Return x, with values between −1e-6 and 1e-6 moved to the nearer of these bounds."""
    return torch.where(x < 0, x.clamp_max(-1e-6), x.clamp_min(1e-6))
