"""Small convex programs in batches: non-negative least squares, linear programs on the simplex.

The programs of gradient balancers have as many variables as there are objectives and come K at a
time. All are solved exactly, in float64, by finite methods: no step size, no number of rounds. Inside they
are NumPy, whose calls on arrays this small cost a third of torch's; a name ending in _arrays takes those.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array: TypeAlias = NDArray[Any]

TOLERANCE = 1e-12
"""Of a gradient or slack, after scaling to about 1."""
RIDGE = 1e-14
"""Added to scaled matrices, so that a singular passive set still has a solution."""
TINY = float(np.finfo(float).tiny)
ENUMERATED = 4
"""Up to this many variables a linear program's vertices are enumerated: 56 systems of 4 × 4."""


def nnls(quadratic: Tensor, linear: Tensor, active: Tensor | None = None) -> Tensor:
    """argmin over x ≥ 0 of ½ xᵀQx − cᵀx, for K problems at once.

    quadratic: Q [K, n, n], symmetric positive semidefinite; linear: c [K, n], within Q's range.
    active:    [K, n], False where x is held at 0.
    Returns:   [K, n] in float64.

    Lawson & Hanson's active set method (1974, chapter 23) on the normal equations, with the rows of
    a batch at different stages of it. Variables are scaled to a unit diagonal first, so one
    gradient of 10⁸ times the others' length does no harm.
    """
    q, c = (t.detach().double().cpu().numpy() for t in (quadratic, linear))
    allowed = np.ones(c.shape, bool) if active is None else active.cpu().numpy()
    return torch.from_numpy(nnls_arrays(q, c, allowed)).to(linear.device)


def nnls_arrays(q: Array, c: Array, allowed: Array) -> Array:
    """`nnls` of arrays."""
    scale = np.sqrt(np.maximum(np.einsum("kii->ki", q), 0))
    usable = allowed & (scale > 0)
    inverse = np.where(usable, 1 / np.maximum(scale, TINY), 0.0)
    c = c * inverse
    size = np.abs(c).max(1, keepdims=True)
    scaled = np.where(size > 0, c / np.maximum(size, TINY), 0.0)
    x: Array = _lawson_hanson(q * inverse[:, :, None] * inverse[:, None], scaled, usable) * inverse * size
    return x


def _lawson_hanson(q: Array, c: Array, usable: Array) -> Array:
    """The method itself, on a scaled batch."""
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
        # an entering variable that leaves at once gained nothing but rounding: not before others have moved
        barred = np.where(step > 0, False, barred) | (new & leaving)
        settled = np.asarray(~blocked.any(1))
    return x


def simplex_lp(objective: Tensor, rows: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor]:
    """argmax over the simplex of cᵀα subject to rows · α ≥ bounds, for K problems at once.

    objective: [K, n]; rows: [K, p, n]; bounds: [K, p], −inf where a row does not bind.
    Returns:   α [K, n] in float64, and feasible [K]: where False, α is uniform.

    Two variables leave an interval, whose ends are compared. Up to four, every vertex is tried, in one
    batch, and the mean of all optimal ones taken, so that no order of the variables is preferred;
    beyond, SciPy's HiGHS, one by one.

    Conditioning: up to four variables, rows and columns of any sizes, because every tolerance is relative to the
    terms of what it is applied to. HiGHS meets a row to 1e-7 of its largest entry.
    """
    alpha, feasible = simplex_lp_arrays(*(t.detach().double().cpu().numpy() for t in (objective, rows, bounds)))
    return torch.from_numpy(alpha).to(objective.device), torch.from_numpy(feasible).to(objective.device)


def simplex_lp_arrays(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """`simplex_lp` of arrays."""
    size = np.maximum(np.abs(a).max(2), TINY)
    a, b = a / size[:, :, None], b / size
    c = c / np.maximum(np.abs(c).max(1, keepdims=True), TINY)
    if c.shape[1] == 2 and a.shape[1] > 0:
        return _on_an_interval(c, a, b)
    return _by_vertices(c, a, b) if c.shape[1] <= ENUMERATED else _by_highs(c, a, b)


FEASIBLE = 1e-9
"""How far a vertex may be outside a row, and below the best, and still count; relative to the terms of the product."""


def _on_an_interval(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """α = (t, 1 − t): every row bounds t from one side.

    Both ends of the interval are kept as (t, 1 − t), each entry from its own quotient: a small weight taken as 1
    minus the other would have an error of 1e-16.
    """
    slope = (a[..., 0] - a[..., 1])[..., None]
    levels = b[..., None] - a[..., ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        bounds = levels / np.concatenate([slope, -slope], axis=2)
    rows, (zero, one) = np.arange(len(a)), np.eye(2)[::-1]
    at_least = np.where(slope > 0, bounds, -np.inf)
    lower = at_least[rows, at_least[..., 0].argmax(1)]
    lower = np.where(lower[:, :1] > 0, lower, zero)
    at_most = np.where(slope < 0, bounds, np.inf)
    upper = at_most[rows, at_most[..., 0].argmin(1)]
    upper = np.where(upper[:, :1] < 1, upper, one)
    width = upper[:, :1] - lower[:, :1]
    gain = np.where(width > 0, c[:, :1] - c[:, 1:], 0.0)
    # between equally good ends, and where rounding has crossed them, the middle
    middle = lower + (upper - lower) / 2
    alpha = np.where(gain > FEASIBLE, upper, np.where(gain < -FEASIBLE, lower, middle)).clip(0, 1)
    feasible: Array = np.asarray(_is_met(a, b, alpha[:, None])[:, 0].all(1))
    return np.where(feasible[:, None], alpha, 0.5), feasible


def _is_met(a: Array, b: Array, alphas: Array) -> Array:
    """Whether points [K, v, n] meet rows a [K, p, n] and their bounds b [K, p]: [K, v, p]."""
    binds = np.isfinite(b)
    bound = np.where(binds, b, 0.0)[:, None]
    slack = alphas @ a.swapaxes(1, 2) - bound
    terms = np.abs(alphas) @ np.abs(a).swapaxes(1, 2) + np.abs(bound)
    met: Array = (slack >= -FEASIBLE * terms) | ~binds[:, None]
    return met


def _by_vertices(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    """Every point where n − 1 walls meet.

    On the simplex w · α = l is (w − l) · α = 0, so walls are planes through the origin, and n − 1 of
    them meet along their normal. One that does not bind is left as zeros, whose normal is no direction.
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
    """Vectors [..., n] at right angles to n − 1 vectors [..., n − 1, n]: their cross product."""
    n = planes.shape[-1]
    if n == 3:
        x, y = planes[..., 0, :], planes[..., 1, :]
        next_, last = [1, 2, 0], [2, 0, 1]
        cross: Array = x[..., next_] * y[..., last] - x[..., last] * y[..., next_]
        return cross
    columns = [[i for i in range(n) if i != left_out] for left_out in range(n)]
    minors = [np.linalg.det(planes[..., kept]) for kept in columns]
    return np.stack([-minor if i % 2 else minor for i, minor in enumerate(minors)], axis=-1)


@cache
def _bases(n: int, n_walls: int) -> Array:
    """Every choice of n − 1 walls, [v, n − 1]; with the sum to 1 each fixes one point."""
    choices = list(combinations(range(n_walls), n - 1))
    return np.array(choices, dtype=int).reshape(len(choices), n - 1)


def _by_highs(c: Array, a: Array, b: Array) -> tuple[Array, Array]:
    from scipy.optimize import linprog

    k, n = c.shape
    alpha, feasible = np.full((k, n), 1 / n), np.zeros(k, bool)
    for i in range(k):
        binding = np.isfinite(b[i])
        found = linprog(
            -c[i],
            A_ub=-a[i][binding] if binding.any() else None,
            b_ub=-b[i][binding] if binding.any() else None,
            A_eq=np.ones((1, n)),
            b_eq=[1.0],
            method="highs",
        )
        if found.status == 0:
            alpha[i], feasible[i] = found.x, True
    return alpha, feasible
