"""Indicators of fronts: pure functions of points [P, m] in objective space; all objectives are minimised.

Sources: Zitzler & Thiele 1999 (hypervolume), Ishibuchi et al. 2015 (IGD+), Zitzler et al. 2003
(additive ε), Schott 1995 (spacing), Hansen & Jaszkiewicz 1998 (R2), arXiv 2010.04104 (non-uniformity).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mobench.arrays import FloatArray
from mobench.errors import NonFiniteError, ShapeError
from mobench.metrics.approximate_hypervolume import (
    MOST_EXACT_OBJECTIVES,
    approximate_volume,
    is_exact_affordable,
)

_AT_ONCE = 1 << 18
"""Largest number of values in a temporary array of `_of_each`, so that it fits in the processor's cache."""


def hypervolume(points: ArrayLike, reference: ArrayLike, exact: bool = False) -> float:
    """Return the volume dominated by the points and bounded by the reference point.

    points: [P, m]. Points that are not below the reference in every objective are ignored; 0 without points.
    reference: [m].
    exact: True if differences of hypervolumes are needed: the value is exact, however long that takes. Otherwise
        fronts of five or more objectives with many points have an approximate value (see `hypervolume_with_error`).

    Raises: ShapeError, NonFiniteError.
    """
    inside, bound = _inside(points, reference)
    return _exact_volume(inside, bound) if exact else _volume_with_error(inside, bound)[0]


def hypervolume_with_error(points: ArrayLike, reference: ArrayLike) -> tuple[float, float]:
    """Return the hypervolume, and the half width of its 95 % interval; 0 where the value is exact.

    The value is exact wherever that takes less than 0.2 s, by a fixed rule of the number of objectives and of
    non-dominated points: always for up to three objectives, then for 10,000 points of 4 objectives, 4,000 of 5,
    400 of 6, 70 of 8, 28 of 11 and 12 of more than 18. Otherwise it is an approximation with fixed seeds, which is
    the same in every run (`mobench.metrics.approximate_hypervolume`); its relative error is a few thousandths.

    Raises: ShapeError, NonFiniteError.
    """
    return _volume_with_error(*_inside(points, reference))


def igd(points: ArrayLike, reference_front: ArrayLike) -> float:
    """Return the mean distance from each point of the reference front to the nearest point; 0 is best."""
    a, z = _pair(points, reference_front)
    return float(_distances(z, a).min(axis=1).mean())


def gd(points: ArrayLike, reference_front: ArrayLike) -> float:
    """Return the mean distance from each point to the nearest point of the reference front; 0 is best."""
    a, z = _pair(points, reference_front)
    return float(_distances(a, z).min(axis=1).mean())


def igd_plus(points: ArrayLike, reference_front: ArrayLike) -> float:
    """Return IGD+: IGD that counts only how far a point is *worse* than the reference; weakly Pareto compliant."""
    from pymoo.indicators.igd_plus import IGDPlus

    a, z = _pair(points, reference_front)
    return float(IGDPlus(z)(a))


def gd_plus(points: ArrayLike, reference_front: ArrayLike) -> float:
    """Return GD+: GD that counts only how far a point is worse than the reference."""
    from pymoo.indicators.gd_plus import GDPlus

    a, z = _pair(points, reference_front)
    return float(GDPlus(z)(a))


def additive_epsilon(points: ArrayLike, reference_front: ArrayLike) -> float:
    """Return the smallest shift of the points after which they weakly dominate the whole reference front.

    A negative value means that the points are better everywhere.
    """
    a, z = _pair(points, reference_front)
    return float((a[None] - z[:, None]).max(axis=2).min(axis=1).max())


def r2(points: ArrayLike, weights: ArrayLike, ideal: ArrayLike) -> float:
    """Return the mean over weights [W, m] of the best weighted Tchebycheff value for the ideal point; 0 is best."""
    return r2_of_each([points], weights, ideal)[0]


def r2_of_each(fronts: Sequence[ArrayLike], weights: ArrayLike, ideal: ArrayLike) -> list[float]:
    """Return `r2` of each front, bit for bit.

    Much faster than single calls for thousands of small fronts, because fronts of equal size are batched.
    """
    origin = np.asarray(ideal, dtype=float)

    def scaled(points: FloatArray, w: FloatArray, i: int) -> FloatArray:
        weighted: FloatArray = w[:, None] * np.abs(points - origin[i])
        return weighted

    return _of_each(fronts, weights, scaled, np.maximum, lambda values: values.min(axis=2).mean(axis=1))


def igd_plus_of_each(fronts: Sequence[ArrayLike], reference_front: ArrayLike) -> list[float]:
    """Return `igd_plus` of each front, equal up to rounding; as fast as `r2_of_each`."""

    def worse(points: FloatArray, z: FloatArray, i: int) -> FloatArray:
        return np.square(np.maximum(points - z[:, None], 0))

    return _of_each(fronts, reference_front, worse, np.add, lambda sums: np.sqrt(sums.min(axis=2)).mean(axis=1))


def additive_epsilon_of_each(fronts: Sequence[ArrayLike], reference_front: ArrayLike) -> list[float]:
    """Return `additive_epsilon` of each front; as fast as `r2_of_each`."""

    def shift(points: FloatArray, z: FloatArray, i: int) -> FloatArray:
        return points - z[:, None]

    return _of_each(fronts, reference_front, shift, np.maximum, lambda shifts: shifts.min(axis=2).max(axis=1))


def non_dominated(points: ArrayLike) -> NDArray[np.bool_]:
    """Return a mask [P] of the points that no other point dominates; of equal points, only the first is True.

    Memory is linear in P and time nearly so; the points of a thousand fronts can be pooled.
    """
    import moocore

    front = _points(points)
    if not front.size:
        return np.zeros(len(front), dtype=bool)
    mask: NDArray[np.bool_] = moocore.is_nondominated(front)
    return mask


def n_non_dominated(points: ArrayLike) -> int:
    """Return the number of distinct non-dominated points."""
    return int(non_dominated(points).sum())


def spacing(points: ArrayLike) -> float | None:
    """Return Schott's spacing: the standard deviation of each point's L1 distance to its nearest neighbour.

    Computed over the non-dominated points; None if there are fewer than two.
    """
    front = _points(points)
    front = front[non_dominated(front)]
    if len(front) < 2:
        return None
    distances = np.abs(front[:, None] - front[None]).sum(axis=2)
    np.fill_diagonal(distances, np.inf)
    return float(distances.min(axis=1).std(ddof=1))


def non_uniformity(losses: ArrayLike, preferences: ArrayLike) -> FloatArray:
    """Return the KL divergence [P] of the normalised r∘L from the uniform distribution; 0 on the exact ray.

    losses: [P, m], non-negative; a row with a negative loss gives NaN, because r∘L is then not a distribution.
    """
    weighted = _points(losses) * np.asarray(preferences, dtype=float)
    m = weighted.shape[1]
    total = weighted.sum(axis=1, keepdims=True)
    valid = (weighted >= 0).all(axis=1) & (total[:, 0] > 0)
    p = np.divide(weighted, total, out=np.full_like(weighted, 1 / m), where=total > 0)
    logs = np.log(np.where(p > 0, m * p, 1.0))  # p log p is 0 at 0
    return np.where(valid, (p * logs).sum(axis=1), np.nan)


def _inside(points: ArrayLike, reference: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Return the points that are below the reference in every objective [n, m], and the reference [m]."""
    front, bound = _points(points), np.asarray(reference, dtype=float)
    if front.size and bound.shape != (front.shape[1],):
        raise ShapeError(
            f"the reference point has {bound.size} values, the front has {front.shape[1]} objectives: "
            "pass one value per objective"
        )
    return front[(front < bound).all(axis=1)] if front.size else front, bound


def _volume_with_error(inside: FloatArray, bound: FloatArray) -> tuple[float, float]:
    if not len(inside) or inside.shape[1] <= 3:
        return _exact_volume(inside, bound), 0.0
    best = inside[non_dominated(inside)]
    if is_exact_affordable(*best.shape):
        return _exact_volume(inside, bound), 0.0
    return approximate_volume(bound - best)


def _exact_volume(inside: FloatArray, bound: FloatArray) -> float:
    from pymoo.indicators.hv import HV

    if not len(inside):
        return 0.0
    if inside.shape[1] == 1:  # pymoo's backend needs at least two objectives
        return float(bound[0] - inside.min())
    if len(inside) == 1 and inside.shape[1] > MOST_EXACT_OBJECTIVES:
        return float(np.prod(bound - inside[0]))
    return float(HV(ref_point=bound)(inside))


def _points(points: ArrayLike) -> FloatArray:
    """Return the points as an array [P, m] of finite floats.

    Raises: ShapeError, NonFiniteError.
    """
    array = np.asarray(points, dtype=float)
    if array.size == 0:
        return array if array.ndim == 2 else np.empty((0, 0))
    if array.ndim != 2:
        raise ShapeError(f"a front has shape {array.shape}: pass [P, m], one row per point")
    if not np.isfinite(array).all():
        row = int((~np.isfinite(array)).any(axis=1).argmax())
        raise NonFiniteError(f"point {row} of the front is {array[row].tolist()}: leave out points that are not finite")
    return array


def _pair(points: ArrayLike, other: ArrayLike) -> tuple[FloatArray, FloatArray]:
    a, z = _points(points), _points(other)
    if not len(a) or not len(z):
        raise ShapeError(f"{len(a)} points against {len(z)} of reference: pass one point or more of each")
    if a.shape[1] != z.shape[1]:
        raise ShapeError(f"points have {a.shape[1]} objectives, the reference has {z.shape[1]}: pass equal numbers")
    return a, z


def _of_each(
    fronts: Sequence[ArrayLike],
    other: ArrayLike,
    term: Callable[[FloatArray, FloatArray, int], FloatArray],
    join: Callable[[FloatArray, FloatArray], FloatArray],
    indicator: Callable[[FloatArray], FloatArray],
) -> list[float]:
    """Compute an indicator for many fronts, batching fronts of equal shape.

    term:      for one objective i: points [n, 1, P] and the column [Z] of `other` -> [n, Z, P].
    join:      reduces the terms over the objectives; with few objectives it is faster than NumPy's reductions.
    indicator: maps the joined terms [n, Z, P] to the values [n].
    """
    arrays = [np.asarray(front, dtype=float) for front in fronts]
    places_by_shape: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for i, array in enumerate(arrays):
        places_by_shape[array.shape].append(i)
    results: FloatArray = np.empty(len(arrays))
    for shape, places in places_by_shape.items():
        points, z = _pair(np.concatenate([arrays[i] for i in places]), other)
        stacked, columns = points.reshape(len(places), 1, *shape), np.ascontiguousarray(z.T)
        n = max(1, _AT_ONCE // (len(z) * shape[0]))
        for start in range(0, len(places), n):
            few = stacked[start : start + n]
            terms = (term(few[..., i], column, i) for i, column in enumerate(columns))
            results[places[start : start + n]] = indicator(reduce(join, terms))
    return [float(value) for value in results]


def _distances(a: FloatArray, b: FloatArray) -> FloatArray:
    distances: FloatArray = np.linalg.norm(a[:, None] - b[None], axis=2)
    return distances
