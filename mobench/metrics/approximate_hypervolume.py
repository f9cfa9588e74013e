"""Approximate hypervolume for fronts whose exact hypervolume takes too long, with an error estimate."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from mobench.arrays import FloatArray

_MOST_POINTS = {
    4: 10_000, 5: 4_000, 6: 400, 7: 130, 8: 70, 9: 45, 10: 34, 11: 28, 12: 24, 13: 20, 14: 18, 15: 16, 16: 15, 17: 14,
    18: 13,
}  # fmt: skip
"""Objectives -> largest front whose exact hypervolume takes less than 0.2 s.

Measured once with moocore 0.3.2 on one core, as the slowest of random fronts on a plane, on a sphere and on its
complement. The rule depends only on the front, so that results do not depend on the load of the machine.
"""
_ALWAYS_EXACT_POINTS = 12
MOST_EXACT_OBJECTIVES = 31
"""Largest number of objectives that the exact algorithm accepts."""
REPLICATES = 16
STUDENT_T_95 = 2.131
"""97.5 % quantile of Student's t distribution with REPLICATES − 1 degrees of freedom."""


def is_exact_affordable(n_points: int, n_objectives: int) -> bool:
    """Whether the exact hypervolume of so many non-dominated points takes less than 0.2 s."""
    if n_objectives <= 3:
        return True
    if n_objectives > MOST_EXACT_OBJECTIVES:
        return n_points == 1
    return n_points <= _MOST_POINTS.get(n_objectives, _ALWAYS_EXACT_POINTS)


def approximate_volume(sides: FloatArray) -> tuple[float, float]:
    """Return the volume of a union of boxes that share a corner, and the half width of its 95 % interval.

    sides: [n, m], the positive side lengths of the boxes.

    Estimator of Karp & Luby (1985; for hypervolumes: Bringmann & Friedrich 2010, "Approximating the volume of unions
    and intersections of high-dimensional geometric objects"): draw a box in proportion to its volume, a uniform point
    in it, and average 1 / (number of boxes that contain the point), times the sum of the volumes. It has no bias, and
    its relative variance does not grow with m. The points are scrambled Sobol sequences with fixed seeds;
    REPLICATES independent scramblings give the error.
    """
    longest = sides.max(axis=0)
    relative = sides / longest
    logs = np.log(relative).sum(axis=1)  # products of many small sides underflow
    volumes = np.exp(logs - logs.max())
    places = np.cumsum(volumes) / volumes.sum()
    n_points = _points_per_replicate(*sides.shape)
    means = np.empty(REPLICATES)
    for k in range(REPLICATES):
        uniform = _sobol(sides.shape[1] + 1, n_points, k)
        box = np.minimum(np.searchsorted(places, uniform[:, 0], side="right"), len(sides) - 1)
        points = uniform[:, 1:] * relative[box]
        covered = np.ones((n_points, len(sides)), dtype=bool)
        for column, limits in zip(points.T, relative.T, strict=True):
            covered &= column[:, None] <= limits
        means[k] = (1 / covered.sum(axis=1)).mean()
    scale = float(volumes.sum() * np.exp(logs.max() + np.log(longest).sum()))
    error = STUDENT_T_95 * float(means.std(ddof=1)) / REPLICATES**0.5
    return scale * float(means.mean()), scale * error


def _points_per_replicate(n_boxes: int, m: int) -> int:
    """Return the power of two for which an estimate takes about 0.2 s; at most 2^14, at least 2^9."""
    affordable = 2e8 / (n_boxes * m * REPLICATES)
    exponent = int(np.clip(np.log2(affordable), 9, 14))
    return 1 << exponent


@lru_cache(maxsize=2 * REPLICATES)
def _sobol(dimension: int, n: int, seed: int) -> FloatArray:
    import torch

    engine = torch.quasirandom.SobolEngine(dimension, scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    drawn: FloatArray = engine.draw(n, dtype=torch.float64).numpy()
    return drawn
