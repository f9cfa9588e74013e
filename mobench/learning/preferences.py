"""Rays: the preferences on the simplex that Pareto sets are evaluated on."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mobench.errors import PreferenceError
from mobench.learning.space_filling import covering_subset, space_filling_rays


def dense_rays(n_objectives: int, n_rays: int = 25) -> Tensor:
    """Return the rays [R, m] on which a continuous Pareto set is evaluated; the first ray favours objective 0.

    m = 2: angles evenly spaced in [0.1, π/2 − 0.1] on the quarter circle, normalised to the simplex (arXiv
    2010.04104, section 5). m = 3: Das-Dennis directions with the smallest even number of partitions that gives at
    least `n_rays` points; the number is even so that `finite_rays` is a subset. m > 3: exactly `n_rays` space-filling
    rays, with the vertices and the centre among them if n_rays > m (see `space_filling_rays`). For m > 2, rays are
    moved towards the centre by a tenth, so that every r_i > 0.
    """
    if n_objectives <= 2:
        return _arc(n_objectives, n_rays)
    if n_objectives == 3:
        return lattice_rays(n_objectives, n_rays)
    return _inside(space_filling_rays(n_objectives, n_rays))


def finite_rays(n_objectives: int, n_rays: int = 5, n_dense: int = 25) -> Tensor:
    """Return the rays [R, m] that a finite Pareto set trains, and on which all methods are compared at equal K.

    m = 2: the same arc with `n_rays` angles (the 5 default rays are every sixth of 25). m = 3: two partitions,
    whatever `n_rays` is. m > 3: the `n_rays` of the `n_dense` dense rays that cover the simplex best (see
    `covering_subset`); `n_rays` space-filling rays if there are no more dense ones.
    """
    if n_objectives <= 2:
        return _arc(n_objectives, n_rays)
    if n_objectives == 3:
        return lattice_rays(n_objectives, 2)
    n_dense = max(n_dense, n_rays)
    return dense_rays(n_objectives, n_dense)[list(covering_subset(n_objectives, n_dense, n_rays))]


def lattice_rays(n_objectives: int, n_rays: int) -> Tensor:
    """Return Das-Dennis directions [R, m] of the smallest even number of partitions that gives `n_rays` or more.

    They are moved towards the centre by a tenth. For m > 3 they are the rays of earlier records: two partitions give
    m (m + 1) / 2 of them, all with one or two large entries.
    """
    from pymoo.util.ref_dirs import get_reference_directions

    partitions = 2
    while math.comb(partitions + n_objectives - 1, n_objectives - 1) < n_rays:
        partitions += 2
    directions = get_reference_directions("das-dennis", n_objectives, n_partitions=partitions)
    return _inside(directions[np.lexsort(directions.T[::-1])][::-1].copy())


def check_on_simplex(preferences: Tensor, tolerance: float = 1e-5) -> Tensor:
    """Return the preferences [K, m] unchanged if all rows are on the simplex.

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


def _arc(n_objectives: int, n_rays: int) -> Tensor:
    if n_objectives == 1:
        return torch.ones(1, 1)
    angles = torch.linspace(0.1, math.pi / 2 - 0.1, n_rays, dtype=torch.float64)
    rays = torch.stack([angles.cos(), angles.sin()], dim=1)
    return (rays / rays.sum(1, keepdim=True)).float()


def _inside(directions: NDArray[np.float64]) -> Tensor:
    """Return directions [R, m] as preferences, moved towards the centre by a tenth."""
    on_simplex = directions / directions.sum(axis=1, keepdims=True)
    return torch.from_numpy(0.9 * on_simplex + 0.1 / directions.shape[1]).float()
