"""The name of the default sampler of preferences, and the sampler of finite Pareto sets."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from mobench.interfaces import Sampler, SamplerContext

DEFAULT = "dirichlet"
"""Registered name of the sampler that a job omits, because jobs from before there were samplers used it."""


@dataclass(eq=False)
class FixedRays(Sampler):
    """Returns all rays of a finite Pareto set at every step."""

    rays: Tensor

    def start(self, context: SamplerContext) -> None:
        """Do nothing; the sampler has no state."""

    def sample(self, step: int) -> Tensor:
        return self.rays
