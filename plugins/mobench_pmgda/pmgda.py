"""The PMGDA balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Gt, Interval
from scipy.optimize import linprog
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.numerics import TINY, Array, min_norm_arrays
from mobench.options import option

ROUNDING = 1e-14
"""Rounding error of gradients that are recovered from a Gram matrix, relative to the longest of them."""


@dataclass(eq=False)
class PMGDA(Balancer):
    """Weights of preference-based multiple gradient descent (arXiv 2402.09492) for the exact constraint.

    The constraint h(L) = ‖L − (L · p) p‖ is the distance of the losses from the ray along p, the unit vector of 1/r.
    While h is above `tolerance`, a step *corrects* (equation 20): among the convex combinations of the unit gradients
    of the losses and of h, it takes the one along which the slowest loss falls fastest while h falls by at least
    `sigma` ‖∇h‖. Otherwise a step *predicts* (equation 11): the shortest combination of the gradients of the losses
    plus any multiple of ∇h, which descends all losses along the ray.

    Weights may be negative.
    """

    needs_gram: ClassVar[bool] = True

    tolerance: Annotated[float, Gt(0)] = option(0.01, "distance from the ray below which a step predicts")
    sigma: Annotated[float, Interval(gt=0, le=1)] = option(0.95, "how much of the steepest descent of h is demanded")

    def start(self, context: BalancerContext) -> None:
        self.n_corrections = 0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m] in float64; see the base class."""
        assert gram is not None
        l, r, c = (t.detach().double().cpu().numpy() for t in (losses, preferences, gram))  # noqa: E741 - the paper's L
        distance, slope = distance_from_ray(l, r)
        correcting = distance > self.tolerance
        self.n_corrections += int(np.count_nonzero(correcting))
        alpha = np.empty_like(l)
        if not correcting.all():
            alpha[~correcting] = prediction(slope[~correcting], c[~correcting])
        for k in np.flatnonzero(correcting):
            alpha[k] = correction(slope[k], c[k], self.sigma)
        return torch.from_numpy(alpha).to(losses.device)

    @property
    def notes(self) -> dict[str, float | int | str]:
        return {"correction steps": self.n_corrections}

    def state_dict(self) -> dict[str, Any]:
        return {"n_corrections": self.n_corrections}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_corrections = state["n_corrections"]


def distance_from_ray(losses: Array, preferences: Array) -> tuple[Array, Array]:
    """Return the distances h [K] of losses from the rays along 1/r, and ∂h/∂L [K, m], which is 0 on the ray."""
    inverse = 1 / np.maximum(preferences, 1e-12)
    p = inverse / np.linalg.norm(inverse, axis=1, keepdims=True)
    across = losses - (losses * p).sum(1, keepdims=True) * p
    distance = np.linalg.norm(across, axis=1)
    return distance, np.where(distance[:, None] > TINY, across / np.maximum(distance, TINY)[:, None], 0.0)


def prediction(slope: Array, gram: Array) -> Array:
    """Return μ + ν ∂h/∂L [K, m] of the program min ‖Σ_i μ_i ∇L_i + ν ∇h‖², μ on the simplex, ν any number.

    For a given μ, the best ν removes the component along ∇h. What remains is a min-norm point.
    """
    values, vectors = np.linalg.eigh(gram)
    rows = vectors * np.sqrt(np.maximum(values, 0))[:, None]  # gradients with this Gram matrix
    towards = np.einsum("ki,kij->kj", slope, rows)
    length = np.linalg.norm(towards, axis=1, keepdims=True)
    longest = np.linalg.norm(rows, axis=2).max(1, keepdims=True)
    unit = np.where(length > ROUNDING * longest, towards / np.maximum(length, TINY), 0.0)
    shares = np.einsum("kij,kj->ki", rows, unit)
    remaining = rows - shares[:, :, None] * unit[:, None]
    remaining = np.where(np.abs(remaining) > ROUNDING * longest[:, :, None], remaining, 0.0)
    mu = min_norm_arrays(remaining @ remaining.transpose(0, 2, 1))
    nu = -(mu * shares).sum(1, keepdims=True) / np.where(length > ROUNDING * longest, length, np.inf)
    return np.asarray(mu + nu * slope)


def correction(slope: Array, gram: Array, sigma: float) -> Array:
    """Return the weights [m] of the losses in the direction Σ_i μ_i g_i, a linear program in μ.

    g_i are the gradients of the m losses and of h, scaled to length 1; μ is on the simplex of size m + 1. The program
    maximises the smallest ∇L_i · d, the slowest descent of a loss, where ∇h · d ≥ σ ‖∇h‖.
    """
    m = len(slope)
    joined = np.concatenate([np.eye(m), slope[None]])
    products = joined @ gram @ joined.T
    lengths = np.sqrt(np.maximum(products.diagonal(), TINY))
    exists = products.diagonal() > TINY  # a vanishing gradient has no direction, and no step changes its loss
    inverse = np.where(exists, 1 / lengths, 0.0)
    descents = products * inverse
    if descents[m, m] <= TINY:  # no step can change h
        return np.full(m, 1 / m)
    scale = np.abs(descents[:m]).max() or 1.0
    upper = np.zeros((m + 1, m + 2))
    upper[:m, :-1], upper[:m, -1] = -descents[:m] / scale, exists[:m]
    upper[m, :-1] = -descents[m] / lengths[m]
    simplex = np.append(np.ones(m + 1), 0.0)[None]
    result = linprog(
        np.append(np.zeros(m + 1), -1.0),
        A_ub=upper,
        b_ub=np.append(np.zeros(m), -sigma),
        A_eq=simplex,
        b_eq=[1.0],
        bounds=[(0, None)] * (m + 1) + [(None, None)],
        method="highs",
    )
    # μ = (0, …, 0, 1) is feasible; HiGHS finds no point only where its tolerances decide
    mu = result.x[: m + 1] if result.x is not None else np.append(np.zeros(m), 1.0)
    return np.asarray((mu * inverse) @ joined)
