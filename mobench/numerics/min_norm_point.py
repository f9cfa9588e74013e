"""Batched min-norm point: the shortest convex combination of gradients."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from mobench.errors import NonFiniteError, ShapeError
from mobench.numerics.simplex_method import Array
from mobench.numerics.simplex_programs import TINY, nnls_arrays

ENUMERATED = 6
"""Largest number of gradients for which the faces with up to three corners are enumerated: 41 closed forms."""
OPTIMAL = 1e-12
"""Tolerance of the optimality conditions for a face's closed form, in products of unit gradients."""


def min_norm(gram: Tensor, active: Tensor | None = None) -> Tensor:
    """Return the weights of the shortest convex combination of gradients: argmin over the simplex of αᵀCα.

    gram:    C [K, n, n], symmetric positive semidefinite, of any scale.
    active:  [K, n], False for weights that are fixed at 0; at least one True per row.
    Returns: [K, n] in gram's dtype, non-negative, rows sum to 1. If some gradients are zero, the
        weights are uniform over these.
    Raises:  ShapeError, NonFiniteError.

    Two gradients: arXiv 1810.04650, algorithm 1. More gradients: the best face with up to three corners
    if it is optimal, as in most problems with few objectives; otherwise an active-set method.

    Conditioning, for a Gram matrix that is exact to float64 rounding: the ratio of the longest gradient to the
    shortest is not limited, because small weights are computed with full relative precision. A direction shorter
    than about 1e-8 of its terms α_i ‖g_i‖ is dominated by rounding: the Gram matrix does not resolve it.
    """
    _check_gram(gram)
    if gram.shape[1] == 1:
        return torch.ones_like(gram[:, :, 0])
    usable = None if active is None else active.cpu().numpy()
    return torch.from_numpy(min_norm_arrays(gram.detach().double().cpu().numpy(), usable)).to(gram)


def min_norm_arrays(c: Array, active: Array | None = None) -> Array:
    """`min_norm` for arrays, with two or more gradients."""
    k, n = c.shape[:2]
    usable = np.ones((k, n), bool) if active is None else active
    lengths = np.sqrt(np.maximum(np.einsum("kii->ki", c), 0))
    vanishing = usable & (lengths == 0)
    shortest = np.where(usable & ~vanishing, lengths, np.inf).min(1)
    shortest = np.where(np.isfinite(shortest), shortest, 1.0)
    c = c / np.maximum(np.square(shortest), TINY)[:, None, None]
    alpha = _of_two(c) if n == 2 and active is None else _of_many(c, usable)
    if vanishing.any():
        uniform = vanishing / np.maximum(vanishing.sum(1, keepdims=True), 1)
        alpha = np.where(vanishing.any(1, keepdims=True), uniform, alpha)
    return alpha


def _of_two(c: Array) -> Array:
    """Return the closed form for two gradients; equal gradients get equal weights.

    Each weight has its own numerator. A small weight computed as 1 minus the other would have an error of 1e-16,
    which dominates the direction if the longer gradient is 1e16 times as long as the shorter one.
    """
    squares = np.einsum("kii->ki", c)
    numerators = np.maximum(squares[:, ::-1] - c[:, :1, 1], 0)
    total = numerators.sum(1, keepdims=True)
    equal = total <= np.finfo(float).eps * squares.sum(1, keepdims=True)
    alpha: Array = np.where(equal, 0.5, numerators / np.where(equal, 1.0, total))
    return alpha


def _of_many(c: Array, usable: Array) -> Array:
    """Solve with only as many columns as the largest number of usable gradients; usable gradients come first."""
    k, n = usable.shape
    n_used = int(usable.sum(1).max())
    if n_used == n:
        return _exact(c, usable)
    order = np.argsort(~usable, axis=1, kind="stable")[:, :n_used]
    rows = np.arange(k)[:, None]
    alpha = np.zeros((k, n))
    alpha[rows, order] = _exact(c[rows[:, :, None], order[:, :, None], order[:, None]], usable[rows, order])
    return alpha


def _exact(c: Array, usable: Array) -> Array:
    if c.shape[1] > ENUMERATED:
        return _by_active_sets(c, usable)
    alpha, optimal = _by_faces(c, usable)
    if not optimal.all():
        alpha[~optimal] = _by_active_sets(c[~optimal], usable[~optimal])
    return alpha


def _by_faces(c: Array, usable: Array) -> tuple[Array, Array]:
    """Return the best point [K, n] of all small faces, and whether it is the min-norm point [K].

    The point is optimal if Cα ≥ αᵀCα in every usable entry. The test also detects results damaged by rounding.
    """
    k, n = usable.shape
    alphas = np.concatenate([_inside(c, members) for members in _faces(n)], axis=1)
    barred = (alphas @ ~usable[:, :, None])[:, :, 0] > 0
    lengths = ((alphas @ c) * alphas).sum(2)
    best = np.where(barred | ~(alphas >= 0).all(2), np.inf, lengths).argmin(1)
    alpha = alphas[np.arange(k), best]
    along = (c @ alpha[:, :, None])[:, :, 0]
    slack = along - (along * alpha).sum(1, keepdims=True)
    tolerance = OPTIMAL * np.maximum(np.sqrt(np.maximum(np.einsum("kii->ki", c), 0)), 1)
    met = (slack >= -tolerance) & ((slack <= tolerance) | (alpha == 0))
    return alpha, (met | ~usable).all(1) & (alpha >= 0).all(1)


def _inside(c: Array, members: Array) -> Array:
    """Return the point of least norm [K, N, n] in the affine hull of each face's corners; NaN if it does not exist.

    members: [N, size], the corners of N faces. The weights are proportional to adj(C) 1 of the face.
    """
    k, n = len(c), c.shape[1]
    size = members.shape[1]
    x = c.reshape(k, n * n)[:, n * members[:, :, None] + members[:, None]]
    if size == 1:
        raw = np.ones((k, len(members), 1))
    elif size == 2:
        raw = np.stack([x[..., 1, 1] - x[..., 0, 1], x[..., 0, 0] - x[..., 0, 1]], axis=2)
    else:
        # cross product of differences of the rows, which sums the cofactors of each column
        raw = np.cross(x[..., 0, :] - x[..., 1, :], x[..., 1, :] - x[..., 2, :])
    total = raw.sum(2, keepdims=True)
    raw = raw / np.where(total > 0, total, np.nan)
    alphas = np.zeros((k, len(members), n))
    alphas[:, np.arange(len(members))[:, None], members] = raw
    return alphas


@cache
def _faces(n: int) -> list[Array]:
    """Return the corners of every face with one, two and three of n corners."""
    return [np.array(list(combinations(range(n), size))) for size in range(1, min(n, 3) + 1)]


def _by_active_sets(c: Array, usable: Array) -> Array:
    """Solve by non-negative least squares.

    With x = tα, the minimum over t of ‖Σ x_i g_i‖² + (Σ x_i − 1)² increases with ‖Σ α_i g_i‖.
    The normalised x is therefore the min-norm point (Wolfe 1976 solves the same problem).
    """
    x = nnls_arrays(c + 1, np.ones(usable.shape), usable)
    total = x.sum(1, keepdims=True)
    alpha: Array = np.where(total > 0, x / np.maximum(total, TINY), usable / usable.sum(1, keepdims=True))
    return alpha


def _check_gram(gram: Tensor) -> None:
    if gram.ndim != 3 or gram.shape[1] != gram.shape[2]:
        raise ShapeError(f"a Gram matrix has shape {tuple(gram.shape)}: pass [K, n, n]")
    if not bool(torch.isfinite(gram).all()):
        bad = int((~torch.isfinite(gram)).flatten(1).any(1).int().argmax())
        raise NonFiniteError(
            f"the Gram matrix of problem {bad} is {gram[bad].tolist()}: losses must have finite gradients"
        )
