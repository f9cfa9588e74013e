"""RE41, RE42, RE61 and RE91: four to nine objectives."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mobench_engineering.problem import EngineeringProblem, violation

CAR_LOWER = (0.5, 0.45, 0.5, 0.5, 0.875, 0.4, 0.4)
CAR_UPPER = (1.5, 1.35, 1.5, 1.5, 2.625, 1.2, 1.2)


@dataclass(frozen=True)
class RE41(EngineeringProblem):
    """Car side impact: weight, pubic force, mean velocity of the V-pillar, and violation."""

    n_variables = 7
    lower = CAR_LOWER
    upper = CAR_UPPER
    ideal = (15.576004, 3.58525, 10.61064375, 0.0)
    nadir = (39.2905121788, 4.42725, 13.09138125, 9.49401929991)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        x1, x2, x3, x4, x5, x6, x7 = design.unbind(-1)
        weight = 1.98 + 4.9 * x1 + 6.67 * x2 + 6.98 * x3 + 4.01 * x4 + 1.78 * x5 + 1e-5 * x6 + 2.73 * x7
        force = 4.72 - 0.5 * x4 - 0.19 * x2 * x3
        pillar = 10.58 - 0.674 * x1 * x2 - 0.67275 * x2
        door = 16.45 - 0.489 * x3 * x7 - 0.843 * x5 * x6
        upper_chest = (
            0.214 + 0.00817 * x5 - 0.045195 * x1 - 0.0135168 * x1 + 0.03099 * x2 * x6 - 0.018 * x2 * x7
            + 0.007176 * x3 + 0.023232 * x3 - 0.00364 * x5 * x6 - 0.018 * x2**2
        )  # fmt: skip
        margins = (
            1 - (1.16 - 0.3717 * x2 * x4 - 0.0092928 * x3),
            0.32 - (0.261 - 0.0159 * x1 * x2 - 0.06486 * x1 - 0.019 * x2 * x7 + 0.0144 * x3 * x5 + 0.0154464 * x6),
            0.32 - upper_chest,
            0.32 - (0.74 - 0.61 * x2 - 0.031296 * x3 - 0.031872 * x7 + 0.227 * x2**2),
            32 - (28.98 + 3.818 * x3 - 4.2 * x1 * x2 + 1.27296 * x6 - 2.68065 * x7),
            32 - (33.86 + 2.95 * x3 - 5.057 * x1 * x2 - 3.795 * x2 - 3.4431 * x7 + 1.45728),
            32 - (46.36 - 9.9 * x2 - 4.4505 * x1),
            4 - force,
            9.9 - pillar,
            15.7 - door,
        )
        return weight, force, (pillar + door) / 2, violation(*margins)


@dataclass(frozen=True)
class RE42(EngineeringProblem):
    """Bulk carrier: transportation cost, weight of the light ship, negative annual cargo, and violation.

    As in the published code, the days at sea are 5000/24 *times* the speed. All designs then carry more fuel than
    they can, so that the cargo and the cost are negative.
    """

    n_variables = 6
    lower = (150.0, 20.0, 13.0, 10.0, 14.0, 0.63)
    upper = (274.32, 32.31, 25.0, 11.71, 18.0, 0.75)
    ideal = (-2756.259099, 3962.557772, 1947.88082, 0.0)
    nadir = (-1010.5229595219643, 13827.138456300128, 2611.9668107424536, 12.437669929732023)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        length, beam, depth, draft, speed, block = design.unbind(-1)
        displacement = 1.025 * length * beam * draft * block
        froude = 0.5144 * speed / (9.8065 * length).sqrt()
        a = 4977.06 * block**2 - 8105.61 * block + 4456.51
        b = -10847.2 * block**2 + 12817.0 * block - 6960.32
        power = displacement ** (2 / 3) * speed**3 / (a + b * froude)
        outfit = length**0.8 * beam**0.6 * depth**0.3 * block**0.1
        steel = 0.034 * length**1.7 * beam**0.7 * depth**0.4 * block**0.5
        light = steel + outfit + 0.17 * power**0.9
        capital = 0.2 * 1.3 * (2000 * steel**0.85 + 3500 * outfit + 2400 * power**0.8)
        deadweight = displacement - light
        days_at_sea = 5000 / 24 * speed
        fuel_per_day = 0.19 * power * 24 / 1000 + 0.2
        fuel_cost = 1.05 * fuel_per_day * days_at_sea * 100
        cargo = deadweight - fuel_per_day * (days_at_sea + 5) - 2 * deadweight**0.5
        trips = 350 / (days_at_sea + 2 * (cargo / 8000 + 0.5))
        annual_cargo = cargo * trips
        cost = capital + 40_000 * deadweight**0.3 + (fuel_cost + 6.3 * deadweight**0.8) * trips
        stability = 0.53 * draft + (0.085 * block - 0.002) * beam**2 / (draft * block) - (1 + 0.52 * depth)
        margins = (
            length / beam - 6,
            15 - length / depth,
            19 - length / draft,
            0.45 * deadweight**0.31 - draft,
            0.7 * depth + 0.7 - draft,
            500_000 - deadweight,
            deadweight - 3000,
            0.32 - froude,
            stability - 0.07 * beam,
        )
        return cost / annual_cargo, light, -annual_cargo, violation(*margins)


@dataclass(frozen=True)
class RE61(EngineeringProblem):
    """Water resources: five costs of a storm drainage system, and violation."""

    n_variables = 3
    lower = (0.01, 0.01, 0.01)
    upper = (0.45, 0.1, 0.1)
    ideal = (63840.2774, 30.0, 285346.8964, 183749.967, 7.222222222, 0.0)
    nadir = (80896.9128355, 1350.0, 2853468.96494, 7076861.67064, 87748.6339553, 2.50994535821)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        storage, treatment, overflow = design.unbind(-1)
        product = storage * treatment
        margins = (
            1 - (0.00139 / product + 4.94 * overflow - 0.08),
            1 - (0.000306 / product + 1.082 * overflow - 0.0986),
            50_000 - (12.307 / product + 49_408.24 * overflow + 4051.02),
            16_000 - (2.098 / product + 8046.33 * overflow - 696.71),
            10_000 - (2.138 / product + 7883.39 * overflow - 705.04),
            2000 - (0.417 * product + 1721.26 * overflow - 136.54),
            550 - (0.164 / product + 631.13 * overflow - 54.48),
        )
        return (
            106_780.37 * (treatment + overflow) + 61_704.67,
            3000 * storage,
            305_700 * 2289 / (0.06 * 2289) ** 0.65 * treatment,
            250 * 2289 * (-39.75 * treatment + 9.9 * overflow + 2.74).exp(),
            25 * (1.39 / product + 4940 * overflow - 80),
            violation(*margins),
        )


@dataclass(frozen=True)
class RE91(EngineeringProblem):
    """Car cab: weight and eight normalised responses of a side impact.

    The published code draws four variables (thicknesses, height and position of the barrier) from normal
    distributions in every evaluation. Here they have their means, so that a design always has the same values.
    The ideal and the nadir point are those of this form.
    """

    n_variables = 7
    lower = CAR_LOWER
    upper = CAR_UPPER
    ideal = (
        15.549754,
        0.2679155,
        0.3537845625,
        0.3180645312,
        0.6487479308,
        0.6592972812,
        0.8963125,
        0.8390845959,
        0.8225700636,
    )
    nadir = (42.69, 1.03, 0.9276, 0.7816, 1.471, 1.14, 1.107, 1.023, 1.023)

    def functions(self, design: Tensor) -> tuple[Tensor, ...]:
        x1, x2, x3, x4, x5, x6, x7 = design.unbind(-1)
        x8, x9 = 0.345, 0.192
        weight = 1.98 + 4.9 * x1 + 6.67 * x2 + 6.98 * x3 + 4.01 * x4 + 1.75 * x5 + 1e-5 * x6 + 2.73 * x7
        abdomen = 1.16 - 0.3717 * x2 * x4 - 0.484 * x3 * x9
        lower_chest = (
            0.261 - 0.0159 * x1 * x2 - 0.188 * x1 * x8 - 0.019 * x2 * x7 + 0.0144 * x3 * x5 + 0.08045 * x6 * x9
        )
        upper_chest = (
            0.214 + 0.00817 * x5 - 0.131 * x1 * x8 - 0.0704 * x1 * x9 + 0.03099 * x2 * x6 - 0.018 * x2 * x7
            + 0.0208 * x3 * x8 + 0.121 * x3 * x9 - 0.00364 * x5 * x6 - 0.018 * x2**2
        )  # fmt: skip
        criterion = 0.74 - 0.61 * x2 - 0.163 * x3 * x8 - 0.166 * x7 * x9 + 0.227 * x2**2
        ribs = (
            (28.98 + 3.818 * x3 - 4.2 * x1 * x2 + 6.63 * x6 * x9 - 7.77 * x7 * x8)
            + (33.86 + 2.95 * x3 - 5.057 * x1 * x2 - 11 * x2 * x8 - 9.98 * x7 * x8 + 22 * x8 * x9)
            + (46.36 - 9.9 * x2 - 12.9 * x1 * x8)
        ) / 3
        force = 4.72 - 0.5 * x4 - 0.19 * x2 * x3
        pillar = 10.58 - 0.674 * x1 * x2 - 1.95 * x2 * x8
        door = 16.45 - 0.489 * x3 * x7 - 0.843 * x5 * x6
        responses = (
            abdomen, lower_chest / 0.32, upper_chest / 0.32, criterion / 0.32, ribs / 32, force / 4, pillar / 9.9,
            door / 15.7,
        )  # fmt: skip
        return weight, *(torch.clamp_min(response, 0) for response in responses)
