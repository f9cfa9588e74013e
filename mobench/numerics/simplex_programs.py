"""Batched small convex programs: non-negative least squares and linear programs on the simplex.

The programs of gradient balancers have one variable per objective and come in batches of K. All are solved exactly,
in float64, by finite methods without a step size or a number of iterations. The implementation uses NumPy, because
its calls on small arrays take a third of the time of torch's. Functions with the suffix _arrays take NumPy arrays.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from mobench.numerics.simplex_method import Array, maximise_on_simplex

TOLERANCE = 1e-12
"""Tolerance of a gradient or slack, after scaling to about 1."""
RIDGE = 1e-14
"""Added to the diagonal of scaled matrices, so that a singular passive set has a solution."""
TINY = float(np.finfo(float).tiny)
ENUMERATED = 4
"""Largest number of variables for which the vertices of a linear program are enumerated: 56 systems of 4 × 4."""


def nnls(quadratic: Tensor, linear: Tensor, active: Tensor | None = None) -> Tensor:
    """Return argmin over x ≥ 0 of ½ xᵀQx − cᵀx, for a batch of K problems.

    quadratic: Q [K, n, n], symmetric positive semidefinite; linear: c [K, n], in the range of Q.
    active:    [K, n], False for variables that are fixed at 0.
    Returns:   [K, n] in float64.

    Lawson & Hanson's active-set method (1974, chapter 23) on the normal equations, batched over K. Variables are
    first scaled to a unit diagonal, so that one gradient may be 10⁸ times as long as the others.
    """
    q, c = (t.detach().double().cpu().numpy() for t in (quadratic, linear))
    allowed = np.ones(c.shape, bool) if active is None else active.cpu().numpy()
    return torch.from_numpy(nnls_arrays(q, c, allowed)).to(linear.device)


def nnls_arrays(q: Array, c: Array, allowed: Array) -> Array:
    """`nnls` for arrays."""
    scale = np.sqrt(np.maximum(np.einsum("kii->ki", q), 0))
    usable = allowed & (scale > 0)
    inverse = np.where(usable, 1 / np.maximum(scale, TINY), 0.0)
    c = c * inverse
    size = np.abs(c).max(1, keepdims=True)
    scaled = np.where(size > 0, c / np.maximum(size, TINY), 0.0)
    x: Array = _lawson_hanson(q * inverse[:, :, None] * inverse[:, None], scaled, usable) * inverse * size
    return x


def _lawson_hanson(q: Array, c: Array, usable: Array) -> Array:
    """Run the active-set method on a scaled batch."""
    k, n = c.shape
    rows, identity = np.arange(k), np.eye(n)
    ridged = q + RIDGE * identity
    x = np.zeros_like(c)
    passive, barred = np.zeros_like(usable), np.zeros_like(usable)
    settled: Array = np.ones(k, bool)
    for _ in range(10 * n + 10):
        descent = c - (q @ x[:, :, None])[:, :, 0]
        candidates = usable & ~passive & ~barred & (descent > TOLERANCE)
        if not (candidates.any(1) | ~settled).any():
            break
        entering = np.where(candidates, descent, -np.inf).argmax(1)
        new = np.zeros_like(passive)
        new[rows, entering] = candidates[rows, entering] & settled
        passive = passive | new
        both = passive[:, :, None] & passive[:, None, :]
        system = np.where(both, ridged, identity)
        target = np.linalg.solve(system, np.where(passive, c, 0.0)[:, :, None])[:, :, 0]
        blocked = passive & (target <= 0)
        ratio = np.full_like(x, np.inf)
        np.divide(x, np.maximum(x - target, TINY), out=ratio, where=blocked)
        step = np.minimum(ratio.min(1, keepdims=True), 1.0)
        x = x + step * (target - x)
        leaving = blocked & (ratio <= step)
        passive = passive & ~leaving
        x = np.where(passive, np.maximum(x, 0.0), 0.0)
        # a variable that enters and leaves at once changed only by rounding: bar it until another variable moves
        barred = np.where(step > 0, False, barred) | (new & leaving)
        settled = np.asarray(~blocked.any(1))
    return x


def simplex_lp(objective: Tensor, rows: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor]:
    """Return argmax over the simplex of cᵀα subject to rows · α ≥ bounds, for a batch of K problems.

    objective: [K, n]; rows: [K, p, n]; bounds: [K, p], −inf for a row without effect.
    Returns:   α [K, n] in float64, and feasible [K]: if False, α is uniform.

    With two variables, the feasible set is an interval and its ends are compared. With up to four variables, all
    vertices are tried in one batch, and the result is the mean of the optimal ones, so that it does not depend on
    the order of the variables. With more variables, the simplex method finds one of the optimal vertices.

    Conditioning: with up to four variables, rows and columns may have any scale, because each tolerance is relative
    to the terms that it applies to. With more, the solution is exact to 1e-6 where their lengths differ by up to 1e10.
    """
    alpha, feasible = simplex_lp_arrays(*(t.detach().double().cpu().numpy() for t in (objective, rows, bounds)))
    return torch.from_numpy(alpha).to(objective.device), torch.from_numpy(feasible).to(objective.device)


def simplex_lp_arrays(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """`simplex_lp` for arrays."""
    size = np.maximum(np.abs(a).max(2), TINY)
    a, b = a / size[:, :, None], b / size
    c = c / np.maximum(np.abs(c).max(1, keepdims=True), TINY)
    if c.shape[1] == 2 and a.shape[1] > 0:
        return _on_an_interval(c, a, b)
    return _by_vertices(c, a, b) if c.shape[1] <= ENUMERATED else _by_simplex_method(c, a, b)


FEASIBLE = 1e-9
"""Tolerance for a vertex to satisfy a row and to count as optimal; relative to the terms of the product."""


def _on_an_interval(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Solve for α = (t, 1 − t), where every row bounds t from one side.

    Both ends of the interval are stored as (t, 1 − t), and each entry is computed by its own quotient. A small weight
    computed as 1 minus the other would have an error of 1e-16.
    """
    slope = (a[..., 0] - a[..., 1])[..., None]
    levels = b[..., None] - a[..., ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = levels / np.concatenate([slope, -slope], axis=2)
    rows, (end_zero, end_one) = np.arange(len(a)), np.eye(2)[::-1]
    at_least = np.where(slope > 0, bounds, -np.inf)
    lower = at_least[rows, at_least[..., 0].argmax(1)]
    lower = np.where(lower[:, :1] > 0, lower, end_zero)
    at_most = np.where(slope < 0, bounds, np.inf)
    upper = at_most[rows, at_most[..., 0].argmin(1)]
    upper = np.where(upper[:, :1] < 1, upper, end_one)
    width = upper[:, :1] - lower[:, :1]
    gain = np.where(width > 0, c[:, :1] - c[:, 1:], 0.0)
    # the midpoint if both ends are equally good, or if rounding has swapped them
    middle = lower + (upper - lower) / 2
    alpha = np.where(gain > FEASIBLE, upper, np.where(gain < -FEASIBLE, lower, middle)).clip(0, 1)
    feasible: Array = np.asarray(_is_met(a, b, alpha[:, None])[:, 0].all(1))
    return np.where(feasible[:, None], alpha, 0.5), feasible


def _is_met(a: Array, b: Array, alphas: Array) -> Array:
    """Return whether points [K, v, n] satisfy the rows a [K, p, n] with bounds b [K, p]: [K, v, p]."""
    binds = np.isfinite(b)
    bound = np.where(binds, b, 0.0)[:, None]
    slack = alphas @ a.swapaxes(1, 2) - bound
    terms = np.abs(alphas) @ np.abs(a).swapaxes(1, 2) + np.abs(bound)
    met: Array = (slack >= -FEASIBLE * terms) | ~binds[:, None]
    return met


def _by_vertices(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Solve by trying every point in which n − 1 walls meet.

    On the simplex, w · α = l is equivalent to (w − l) · α = 0. Walls are therefore planes through the origin, and
    n − 1 of them meet along their common normal. A row without effect is set to zeros and defines no direction.
    """
    k, n = c.shape
    rows = np.where(np.isfinite(b)[:, :, None], a - b[:, :, None], 0.0)
    walls = np.concatenate([np.broadcast_to(np.eye(n), (k, n, n)), rows], axis=1)
    normals = _normals(walls[:, _bases(n, walls.shape[1])])
    total = normals.sum(2, keepdims=True)
    vertices = normals / np.where(np.abs(total) > TINY, total, np.nan)
    columns = np.abs(a).max(1, initial=0.0)
    parts = vertices * np.where(columns > 0, columns, 1.0)[:, None]
    non_negative = (parts >= -FEASIBLE * np.abs(parts).sum(2, keepdims=True)).all(2)
    inside = non_negative & _is_met(a, b, vertices).all(2)
    values = np.where(inside, (vertices @ c[:, :, None])[:, :, 0], -np.inf)
    terms = (np.abs(vertices) @ np.abs(c)[:, :, None])[np.arange(k), values.argmax(1)]
    best = inside & (values >= values.max(1, keepdims=True) - FEASIBLE * terms)
    feasible = inside.any(1)
    alpha = np.maximum(np.where(best[:, :, None], vertices, 0.0).sum(1), 0.0)
    total = alpha.sum(1, keepdims=True)
    return np.where(feasible[:, None], alpha / np.where(total > 0, total, 1.0), 1 / n), feasible


def _normals(planes: Array) -> Array:
    """Return vectors [..., n] orthogonal to n − 1 vectors [..., n − 1, n]: their cross product."""
    n = planes.shape[-1]
    if n == 3:
        x, y = planes[..., 0, :], planes[..., 1, :]
        next_, last = [1, 2, 0], [2, 0, 1]
        cross: Array = x[..., next_] * y[..., last] - x[..., last] * y[..., next_]
        return cross
    columns = [[i for i in range(n) if i != left_out] for left_out in range(n)]
    minors = [np.linalg.det(planes[..., column]) for column in columns]
    return np.stack([-minor if i % 2 else minor for i, minor in enumerate(minors)], axis=-1)


@cache
def _bases(n: int, n_walls: int) -> Array:
    """Return every choice of n − 1 walls, [v, n − 1]; each choice and the sum to 1 define one point."""
    choices = list(combinations(range(n_walls), n - 1))
    return np.array(choices, dtype=int).reshape(len(choices), n - 1)


def _by_simplex_method(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Solve by the simplex method; programs in which rounding stops it are solved by SciPy's HiGHS."""
    homogeneous = np.where(np.isfinite(b)[:, :, None], a - b[:, :, None], 0.0)
    size = np.maximum(np.abs(homogeneous).max(2, keepdims=True), TINY)
    alpha, feasible, ended = maximise_on_simplex(c, homogeneous / size)
    sound = ended & (~feasible | _is_met(a, b, alpha[:, None])[:, 0].all(1))
    if not sound.all():
        alpha[~sound], feasible[~sound] = _by_highs(c[~sound], a[~sound], b[~sound])
    return alpha, feasible


def _by_highs(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    from scipy.optimize import linprog

    k, n = c.shape
    alpha, feasible = np.full((k, n), 1 / n), np.zeros(k, bool)
    for i in range(k):
        binding = np.isfinite(b[i])
        solution = linprog(
            -c[i],
            A_ub=-a[i][binding] if binding.any() else None,
            b_ub=-b[i][binding] if binding.any() else None,
            A_eq=np.ones((1, n)),
            b_eq=[1.0],
            method="highs",
        )
        if solution.status == 0:
            alpha[i], feasible[i] = solution.x, True
    return alpha, feasible
