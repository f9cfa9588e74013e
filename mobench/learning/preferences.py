"""Preferences on the simplex: the rays that fronts are judged on, and samplers for training."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mobench.errors import PreferenceError
from mobench.interfaces import seeded

SMALLEST = 1e-6
"""Below this a drawn preference is raised: 1/r and log r appear in balancers."""


def dense_rays(n_objectives: int, n_rays: int = 25) -> Tensor:
    """Rays [R, m] that a continuous Pareto set is judged on; the first favours objective 0.

    m = 2: angles evenly spaced in [0.1, π/2 − 0.1] on the quarter circle, normalised to the
    simplex (arXiv 2010.04104, section 5). m > 2: Das-Dennis directions of the smallest even
    number of partitions with at least `n_rays` points, drawn towards the centre by a tenth, so
    that every r_i > 0; an even number, so that `finite_rays` are among them.
    """
    if n_objectives <= 2:
        return _arc(n_objectives, n_rays)
    partitions = 2
    while math.comb(partitions + n_objectives - 1, n_objectives - 1) < n_rays:
        partitions += 2
    return _das_dennis(n_objectives, partitions)


def finite_rays(n_objectives: int, n_rays: int = 5) -> Tensor:
    """Rays [R, m] that a finite Pareto set trains, and everybody is judged on at equal K.

    m = 2: the same arc with `n_rays` angles (5 are every sixth of 25). m > 2: two partitions.
    """
    return _arc(n_objectives, n_rays) if n_objectives <= 2 else _das_dennis(n_objectives, 2)


def check_on_simplex(preferences: Tensor, tolerance: float = 1e-5) -> Tensor:
    """The preferences [K, m] themselves.

    Raises: PreferenceError, naming the first row that is not on the simplex.
    """
    if preferences.ndim != 2:
        raise PreferenceError(f"preferences have shape {tuple(preferences.shape)}: pass [K, m]")
    finite = torch.isfinite(preferences).all(1)
    good = finite & (preferences >= 0).all(1) & ((preferences.sum(1) - 1).abs() <= tolerance)
    if not bool(good.all()):
        bad = preferences[int((~good).int().argmax())].tolist()
        raise PreferenceError(
            f"preference {bad} is not on the simplex: pass values of 0 or more that sum to 1, for example "
            f"{[round(1 / len(bad), 3)] * len(bad)}"
        )
    return preferences


class DirichletSampler:
    """Draws preferences from a symmetric Dirichlet, from random numbers of its own."""

    def __init__(self, n_objectives: int, alpha: float, seed: int) -> None:
        self.n_objectives = n_objectives
        self.alpha = alpha
        self._generator = seeded(seed)

    def sample(self, n_preferences: int) -> Tensor:
        """[n_preferences, m], every entry positive."""
        # torch's Dirichlet draws from the global state only; its gamma kernel takes a generator
        concentration = torch.full((n_preferences, self.n_objectives), self.alpha, dtype=torch.float64)
        gamma = torch._standard_gamma(concentration, generator=self._generator)
        # small concentrations underflow to 0 in all entries once in a great while
        r = gamma.clamp_min(torch.finfo(torch.float64).tiny)
        r = (r / r.sum(1, keepdim=True)).clamp_min(SMALLEST)
        return r / r.sum(1, keepdim=True)

    def state_dict(self) -> dict[str, Any]:
        return {"generator": self._generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._generator.set_state(state["generator"])


class FixedRays:
    """Gives the same rays at every step: all of a finite Pareto set's own."""

    def __init__(self, rays: Tensor) -> None:
        self.rays = rays

    def sample(self, n_preferences: int) -> Tensor:
        """All rays [R, m], whatever number is asked for."""
        return self.rays

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Nothing to take up: the rays are given at the start."""


def _arc(n_objectives: int, n_rays: int) -> Tensor:
    if n_objectives == 1:
        return torch.ones(1, 1)
    angles = torch.linspace(0.1, math.pi / 2 - 0.1, n_rays, dtype=torch.float64)
    rays = torch.stack([angles.cos(), angles.sin()], dim=1)
    return (rays / rays.sum(1, keepdim=True)).float()


def _das_dennis(n_objectives: int, partitions: int) -> Tensor:
    from pymoo.util.ref_dirs import get_reference_directions

    directions = get_reference_directions("das-dennis", n_objectives, n_partitions=partitions)
    ordered = directions[np.lexsort(directions.T[::-1])][::-1].copy()
    return torch.from_numpy(0.9 * ordered + 0.1 / n_objectives).float()
