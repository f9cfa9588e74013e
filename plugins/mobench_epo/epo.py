"""The EPO balancer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from annotated_types import Gt
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext
from mobench.numerics import TINY, Array, simplex_lp_arrays
from mobench.options import option

SMALLEST_LOSS = 1e-12
ROUNDING = 1e-13
"""Rounding error of a sum of products of gradients, relative to the terms of the sum."""


@dataclass(eq=False)
class EPO(Balancer):
    """Weights of exact Pareto optimal search (Mahapatra & Rajan 2020, algorithm 1).

    The non-uniformity is the KL divergence of the normalised r∘L from uniform. While it is above
    `epsilon`, a step *balances*: it lowers the non-uniformity without raising the largest r_i L_i.
    Otherwise a step *descends* all losses. Losses are assumed to be positive. A loss of 0 or below is
    raised to 1e-12, because the ray through it is not defined.

    Conditioning: with up to four losses, any ratio of the longest gradient to the shortest. With more losses, ratios
    of up to 1e10.
    """

    needs_gram: ClassVar[bool] = True

    epsilon: Annotated[float, Gt(0)] = option(1e-4, "non-uniformity below which a step descends instead of balancing")
    scale_by_m: bool = option(True, "multiply the weights by m, as the hypernetwork paper does")

    def start(self, context: BalancerContext) -> None:
        self.n_infeasible = 0

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return non-negative weights [K, m] in float64; rows sum to m (or to 1). See the base class."""
        assert gram is not None
        alpha, feasible = epo_weights(losses, preferences, gram, self.epsilon)
        self.n_infeasible += len(feasible) - int(np.count_nonzero(feasible))
        return alpha * (losses.shape[1] if self.scale_by_m else 1)

    @property
    def notes(self) -> dict[str, float | int | str]:
        return {"programs without a solution": self.n_infeasible}

    def state_dict(self) -> dict[str, Any]:
        return {"n_infeasible": self.n_infeasible}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.n_infeasible = state["n_infeasible"]


def epo_weights(losses: Tensor, preferences: Tensor, gram: Tensor, epsilon: float) -> tuple[Tensor, Array]:
    """Return weights [K, m] on the simplex in float64, and whether the linear program had a solution [K].

    Where it had no solution, the weights are r∘L normalised.
    """
    l, r, c = (t.detach().double().cpu().numpy() for t in (losses, preferences, gram))  # noqa: E741 - the paper's L
    weighted = r * np.maximum(l, SMALLEST_LOSS)
    # the programs depend only on ratios of gradients
    c = c / np.maximum(np.einsum("kii->ki", c).max(1), TINY)[:, None, None]
    share = weighted / weighted.sum(1, keepdims=True)
    logs = np.log(l.shape[1] * share)
    non_uniformity = (share * logs).sum(1, keepdims=True)
    adjustment = r * (logs - non_uniformity)
    towards = (c @ adjustment[:, :, None])[:, :, 0]
    # on the ray itself these values are rounding errors, which must not become constraints
    terms = np.abs(c) @ (r * np.maximum(np.abs(logs - non_uniformity), 1))[:, :, None]
    towards = np.where(np.abs(towards) > ROUNDING * terms[:, :, 0], towards, 0.0)
    balancing = non_uniformity > epsilon
    rows = np.concatenate([c, towards[:, None]], axis=1)
    bounds = np.concatenate(
        [
            np.where(balancing, _balance_bounds(towards, weighted), 0.0),
            np.where(balancing, -np.inf, np.minimum(towards.max(1, keepdims=True), 0.0)),
        ],
        axis=1,
    )
    alpha, feasible = simplex_lp_arrays(np.where(balancing, towards, c.sum(1)), rows, bounds)
    alpha = np.where(feasible[:, None], alpha, share)
    return torch.from_numpy(alpha).to(losses.device), feasible


def _balance_bounds(towards: Array, weighted: Array) -> Array:
    """Return the lower bounds [K, m] of C α while balancing.

    If some objective j has (C a)_j > 0: no bound for these objectives, (C a)_j for the others, and 0
    for the largest r_i L_i, which must not rise. Otherwise 0 for all.
    """
    helps = towards > 0
    largest = weighted >= weighted.max(1, keepdims=True)
    bounds = np.where(largest, 0.0, np.where(helps, -np.inf, towards))
    return np.where(helps.any(1, keepdims=True), bounds, 0.0)
