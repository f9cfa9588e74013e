"""Empirical attainment surfaces, which show how fronts vary over seeds.

Source: Grunert da Fonseca, Fonseca & Hall 2001; computed by moocore.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from mobench.arrays import FloatArray
from mobench.errors import NonFiniteError, OptionError, ShapeError

LEVELS = (25.0, 50.0, 75.0)


def attainment_surfaces(fronts: Sequence[ArrayLike], levels: Sequence[float] = LEVELS) -> dict[float, FloatArray]:
    """Return level -> attainment surface [P, m]: the boundary of what `level` % of the fronts attain.

    fronts: one front [P_s, m] per seed, m = 2 or 3, minimised; dominated points have no effect.
    levels: percentages above 0 and up to 100. A surface is attained by at least `level` % of the fronts, that is,
            by ceil(level/100 · n) of n fronts: 100/n gives the best surface (of any seed), 50 the median, 100 the
            worst (of all seeds). With fewer than four fronts some of the levels 25, 50 and 75 coincide.

    A surface is given by its corners: mutually non-dominated points, sorted by the first objective.

    Raises: ShapeError if there are no fronts, a front is empty, or the fronts do not all have 2 or all 3 objectives;
        NonFiniteError; OptionError for a level out of range.
    """
    import moocore

    sets = [_front(front, seed) for seed, front in enumerate(fronts)]
    if not sets:
        raise ShapeError("there is no front: pass one [P, m] per seed")
    widths = {front.shape[1] for front in sets}
    if len(widths) > 1 or not widths <= {2, 3}:
        dimensions = " and ".join(map(str, sorted(widths)))
        raise ShapeError(
            f"fronts have {dimensions} objectives: attainment surfaces are of fronts with 2, or all with 3"
        )
    for level in levels:
        if not 0 < level <= 100:
            raise OptionError(f"level {level:g} is not a percentage of fronts: pass one above 0 and up to 100")
    owner = np.repeat(np.arange(len(sets)), [len(front) for front in sets])
    # use percentages of a whole number of fronts, so that rounding cannot select a neighbouring level
    percentages = {level: 100 * _at_least(level, len(sets)) / len(sets) for level in levels}
    rows = moocore.eaf(np.concatenate(sets), owner, percentiles=sorted(set(percentages.values())))
    surfaces = {}
    for level in levels:
        points = rows[np.isclose(rows[:, -1], percentages[level]), :-1]
        surfaces[level] = points[np.lexsort(points.T[::-1])]
    return surfaces


def _at_least(level: float, n: int) -> int:
    return max(1, math.ceil(level * n / 100 - 1e-9))


def _front(front: ArrayLike, seed: int) -> FloatArray:
    points = np.asarray(front, dtype=float)
    if points.ndim != 2 or not points.size:
        raise ShapeError(f"front {seed} has shape {points.shape}: pass [P, m], one row per point")
    if not np.isfinite(points).all():
        raise NonFiniteError(f"front {seed} has a value that is not finite: leave the point out")
    return points
