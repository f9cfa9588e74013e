"""Small convex programs in batches: non-negative least squares, the min-norm point, linear programs on the simplex.

The programs of gradient balancers have as many variables as there are objectives and come K at a
time. All are solved exactly, in float64, by finite methods: no step size, no number of rounds.
"""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from mobench.errors import NonFiniteError, ShapeError

TOLERANCE = 1e-12
"""Of a gradient or slack, after scaling to about 1."""
RIDGE = 1e-14
"""Added to scaled matrices, so that a singular passive set still has a solution."""
TINY = torch.finfo(torch.float64).tiny
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
    q, c = quadratic.double(), linear.double()
    scale = q.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    usable = scale > 0 if active is None else active & (scale > 0)
    inverse = torch.where(usable, 1 / scale.clamp_min(TINY), 0.0)
    q = q * inverse[:, :, None] * inverse[:, None, :]
    c = c * inverse
    size = c.abs().amax(1, keepdim=True)
    c = torch.where(size > 0, c / size.clamp_min(TINY), 0.0)
    return _lawson_hanson(q, c, usable) * inverse * size


def _lawson_hanson(quadratic: Tensor, linear: Tensor, allowed: Tensor) -> Tensor:
    """The method itself, on a scaled batch. In NumPy, whose calls on such small arrays cost a third of torch's."""
    q, c, usable = (t.cpu().numpy() for t in (quadratic, linear, allowed))
    k, n = c.shape
    rows, identity = np.arange(k), np.eye(n)
    x = np.zeros_like(c)
    passive, barred = np.zeros_like(usable), np.zeros_like(usable)
    settled = np.ones(k, bool)
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
        system = np.where(both, q + RIDGE * identity, identity)
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
        settled = ~blocked.any(1)
    return torch.from_numpy(x).to(linear.device)


def min_norm(gram: Tensor, active: Tensor | None = None) -> Tensor:
    """Weights of the shortest convex combination of gradients: argmin over the simplex of αᵀCα.

    gram:    C [K, n, n], symmetric positive semidefinite. Scale-free.
    active:  [K, n], False where a weight is held at 0; at least one True a row.
    Returns: [K, n] in gram's dtype, non-negative, rows sum to 1. Where gradients vanish, uniform
        over those.
    Raises:  ShapeError, NonFiniteError.

    With x = tα, ‖Σ x_i g_i‖² + (Σ x_i − 1)² is smallest over t at a value that grows with
    ‖Σ α_i g_i‖, so the min-norm point is a non-negative least squares problem, normalised
    (Wolfe 1976 solves the same one). Two gradients: arXiv 1810.04650, algorithm 1.
    """
    _check_gram(gram)
    if gram.shape[1] == 1:
        return torch.ones_like(gram[:, :, 0])
    usable = torch.ones_like(gram[:, :, 0], dtype=torch.bool) if active is None else active
    c = gram.double()
    norms = c.diagonal(dim1=1, dim2=2).clamp_min(0).sqrt()
    vanishing = usable & (norms == 0)
    shortest = norms.masked_fill(~usable | vanishing, torch.inf).amin(1).nan_to_num(posinf=1.0)
    scaled = c / shortest.square()[:, None, None].clamp_min(TINY)
    alpha = _two(scaled) if gram.shape[1] == 2 and active is None else _many(scaled, usable)
    uniform = vanishing.double() / vanishing.sum(1, keepdim=True).clamp_min(1)
    return torch.where(vanishing.any(1, keepdim=True), uniform, alpha).to(gram.dtype)


def _two(c: Tensor) -> Tensor:
    """The closed form; equal gradients share alike."""
    numerator = c[:, 1, 1] - c[:, 0, 1]
    length = c[:, 0, 0] + c[:, 1, 1] - 2 * c[:, 0, 1]
    equal = length <= torch.finfo(torch.float64).eps * (c[:, 0, 0] + c[:, 1, 1])
    first = torch.where(equal, 0.5, numerator / torch.where(equal, 1.0, length)).clamp(0, 1)
    return torch.stack([first, 1 - first], dim=1)


def _many(c: Tensor, usable: Tensor) -> Tensor:
    x = nnls(c + 1, torch.ones_like(c[:, :, 0]), usable)
    total = x.sum(1, keepdim=True)
    return torch.where(total > 0, x / total.clamp_min(TINY), usable / usable.sum(1, keepdim=True))


def simplex_lp(objective: Tensor, rows: Tensor, bounds: Tensor) -> tuple[Tensor, Tensor]:
    """argmax over the simplex of cᵀα subject to rows · α ≥ bounds, for K problems at once.

    objective: [K, n]; rows: [K, p, n]; bounds: [K, p], −inf where a row does not bind.
    Returns:   α [K, n] in float64, and feasible [K]: where False, α is uniform.

    Two variables leave an interval, whose ends are compared. Up to four, every vertex is tried, in one
    batch, and the mean of all optimal ones taken, so that no order of the variables is preferred;
    beyond, SciPy's HiGHS, one by one.
    """
    c, a, b = objective.double(), rows.double(), bounds.double()
    size = a.abs().amax(2).clamp_min(TINY)
    a, b = a / size[:, :, None], b / size
    c = c / c.abs().amax(1, keepdim=True).clamp_min(TINY)
    if c.shape[1] == 2 and a.shape[1] > 0:
        return _on_an_interval(c, a, b)
    if c.shape[1] <= ENUMERATED:
        return _by_vertices(c, a, b)
    return _by_highs(c, a, b)


FEASIBLE = 1e-9
"""How far a vertex may be outside a scaled row, and below the best, and still count."""


def _on_an_interval(c: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """α = (t, 1 − t): every row bounds t from one side."""
    slope, level = a[..., 0] - a[..., 1], b - a[..., 1]
    bound = level / slope
    lower = torch.where(slope > 0, bound, -torch.inf).amax(1).clamp_min(0)
    upper = torch.where(slope < 0, bound, torch.inf).amin(1).clamp_max(1)
    width = upper - lower
    gain = (c[:, 0] - c[:, 1]) * width.clamp_min(0)
    # equally good ends share alike; ends that rounding has crossed meet in the middle
    t = torch.where(gain > FEASIBLE, upper, torch.where(gain < -FEASIBLE, lower, lower + width / 2)).clamp(0, 1)
    feasible = (slope * t[:, None] - level >= -FEASIBLE).all(1)
    t = torch.where(feasible, t, 0.5)
    return torch.stack([t, 1 - t], dim=1), feasible


def _by_vertices(c: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    k, n = c.shape
    walls = torch.cat([torch.eye(n, dtype=c.dtype, device=c.device).expand(k, n, n), a], dim=1)
    levels = torch.cat([torch.zeros(k, n, dtype=c.dtype, device=c.device), b], dim=1)
    chosen = torch.tensor(_bases(n, walls.shape[1]), dtype=torch.long, device=c.device)  # [v, n − 1]
    ones = torch.ones(k, len(chosen), 1, n, dtype=c.dtype, device=c.device)
    systems = torch.cat([walls[:, chosen], ones], dim=2)
    targets = torch.cat([levels[:, chosen], ones[..., 0]], dim=2)
    binding = torch.isfinite(targets).all(2)
    vertices, info = torch.linalg.solve_ex(systems, targets.nan_to_num(neginf=0.0)[..., None])
    vertices = vertices[..., 0]
    slack = torch.einsum("kpn,kvn->kvp", walls, vertices) - levels[:, None]
    inside = binding & (info == 0) & torch.isfinite(vertices).all(2) & (slack >= -FEASIBLE).all(2)
    values = torch.einsum("kn,kvn->kv", c, vertices).masked_fill(~inside, -torch.inf)
    best = inside & (values >= values.amax(1, keepdim=True) - FEASIBLE)
    feasible = inside.any(1)
    mean = (torch.where(best[..., None], vertices, 0.0)).sum(1) / best.sum(1, keepdim=True).clamp_min(1)
    alpha = mean.clamp_min(0)
    alpha = torch.where(feasible[:, None], alpha / alpha.sum(1, keepdim=True).clamp_min(FEASIBLE), 1 / n)
    return alpha, feasible


@cache
def _bases(n: int, n_walls: int) -> list[tuple[int, ...]]:
    """Every choice of n − 1 walls; with the sum to 1 each fixes one point."""
    return list(combinations(range(n_walls), n - 1))


def _by_highs(c: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    from scipy.optimize import linprog

    k, n = c.shape
    alpha, feasible = np.full((k, n), 1 / n), np.zeros(k, bool)
    objectives, rows, bounds = (t.cpu().numpy() for t in (c, a, b))
    for i in range(k):
        binding = np.isfinite(bounds[i])
        found = linprog(
            -objectives[i],
            A_ub=-rows[i][binding] if binding.any() else None,
            b_ub=-bounds[i][binding] if binding.any() else None,
            A_eq=np.ones((1, n)),
            b_eq=[1.0],
            method="highs",
        )
        if found.status == 0:
            alpha[i], feasible[i] = found.x, True
    return torch.from_numpy(alpha).to(c), torch.from_numpy(feasible).to(c.device)


def _check_gram(gram: Tensor) -> None:
    if gram.ndim != 3 or gram.shape[1] != gram.shape[2]:
        raise ShapeError(f"a Gram matrix has shape {tuple(gram.shape)}: pass [K, n, n]")
    if not bool(torch.isfinite(gram).all()):
        bad = int((~torch.isfinite(gram)).flatten(1).any(1).int().argmax())
        raise NonFiniteError(
            f"the Gram matrix of problem {bad} is {gram[bad].tolist()}: losses must have finite gradients"
        )
