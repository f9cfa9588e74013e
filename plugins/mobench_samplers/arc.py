"""Preferences that are uniform on the arc: the positive part of the unit circle or sphere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mobench.interfaces import Sampler, SamplerContext, positive_preferences, seeded


@dataclass(eq=False)
class Arc(Sampler):
    """Draws directions uniformly from the positive part of the unit sphere, and normalises them to the simplex.

    The direction is the vector of absolute values of m standard normal variables divided by its length (Muller 1959,
    "A note on a method for generating points uniformly on n-dimensional spheres"). For m = 2, the angle is uniform on
    [0, π/2], as the test rays of arXiv 2010.04104 are spaced.
    """

    def start(self, context: SamplerContext) -> None:
        self._generator = seeded(context.seed)
        self._shape = context.n_preferences, context.n_objectives

    def sample(self, step: int) -> Tensor:
        normal = torch.randn(self._shape, generator=self._generator, dtype=torch.float64)
        return positive_preferences(normal.abs())  # the length of the vector cancels

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])
