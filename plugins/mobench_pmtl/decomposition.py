"""The decomposition balancer of Pareto MTL and of the controllable Pareto hypernetwork."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from annotated_types import Ge
from numpy.typing import NDArray
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Balancer, BalancerContext
from mobench.numerics import Array, min_norm_arrays
from mobench.options import option


@dataclass(eq=False)
class Decomposition(Balancer):
    """Constrained min-norm weights (arXiv 1912.12854, equations 7 to 12; arXiv 2010.06313, section 3.3).

    Unit vectors u^1 … u^K split the objective space into cells. p, the unit vector along 1/r, is the
    direction in which the loss vector should point. The cell of p is G_j = (u^j − p)ᵀ L ≤ 0 for all j.

    Inside the cell, the direction is the shortest convex combination of all ∇L_i and of ∇G_j for the
    constraints that are nearly violated (the joint program). `outside` selects the direction outside the cell:

    "constraints": the violated constraints alone, at every step. This departs from the paper and gives
                   better fronts (see the README). Losses may rise on the way into the cell.
    "start-phase": the paper's variant. The violated constraints alone in a start phase, which ends for a
                   preference at its first step inside the cell, and for all preferences after
                   `start_epochs`. Afterwards the joint program, in which violated constraints count as
                   nearly violated. A newly drawn preference has its own start phase within these epochs.

    Both programs are min-norm points of B C Bᵀ, since ∇G_j = Σ_i (u^j_i − p_i) ∇L_i.

    `directions` selects u^1 … u^K: "even", `n_directions` directions that do not depend on the preferences
    (a departure), or "rays", the directions of all preferences of the step, including p, as in the paper.

    Weights of losses may be negative. The paper's code scales the weights after the start phase so that
    Σ_i |α_i| = m, and trains the start phase in addition to its epochs. Here the weights are those of the
    program, and the start phase is part of the budget.
    """

    needs_gram: ClassVar[bool] = True

    n_directions: Annotated[int, Ge(2)] = option(5, "number K of reference directions (m > 2: at least so many)")
    epsilon: Annotated[float, Ge(0)] = option(
        1e-3, "a constraint counts as nearly violated above −epsilon times the length of the losses"
    )
    outside: Literal["constraints", "start-phase"] = option(
        "constraints",
        "outside the cell: violated constraints alone at every step, or only in a start phase as in the paper",
        added=True,
    )
    start_epochs: Annotated[float, Ge(0)] = option(
        2.0, "epochs after which the start phase ends for every preference (with outside=start-phase)", added=True
    )
    directions: Literal["even", "rays"] = option(
        "even", "reference directions: n_directions evenly spaced, or those of the preferences of the step", added=True
    )

    def start(self, context: BalancerContext) -> None:
        if self.directions == "rays" and context.n_preferences < 2:
            raise IncompatibleError(
                "decomposition with directions=rays takes its cells from the preferences of a step, but there is "
                f"{context.n_preferences}: set n_preferences to 2 or more, or directions=even"
            )
        self._even = reference_directions(context.n_objectives, self.n_directions).to(context.reference.device)
        self._n_start_steps = math.ceil(self.start_epochs * context.steps_per_epoch)
        self._n_steps = 0
        # preferences of the previous step, and which of them have been inside their cell
        self._preferences = torch.full((context.n_preferences, context.n_objectives), math.nan, dtype=torch.float64)
        self._was_inside = np.zeros(context.n_preferences, bool)

    def __call__(self, losses: Tensor, preferences: Tensor, gram: Tensor | None) -> Tensor:
        """Return weights [K, m]; see the base class."""
        assert gram is not None
        directions = self._even if self.directions == "even" else loss_direction(preferences)
        away, values = constraints(losses, preferences, directions)
        alone = is_outside(values)
        if self.outside == "start-phase":
            alone = alone & self._in_start_phase(preferences, ~alone)
        return program_weights(away, values, gram, alone, self.epsilon)

    def _in_start_phase(self, preferences: Tensor, is_inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Count the step; return which of the K preferences [K] have not yet been inside their cell."""
        r = preferences.detach().double().cpu()
        is_new = (r != self._preferences).any(1).numpy()
        self._was_inside = (self._was_inside & ~is_new) | is_inside
        self._preferences = r
        self._n_steps += 1
        return ~self._was_inside & (self._n_steps <= self._n_start_steps)

    def state_dict(self) -> dict[str, Any]:
        if self.outside == "constraints":
            return {}
        return {
            "n_steps": self._n_steps,
            "preferences": self._preferences.clone(),
            "was_inside": torch.from_numpy(self._was_inside.copy()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self.outside == "constraints":
            return
        self._n_steps = int(state["n_steps"])
        self._preferences = state["preferences"].clone()
        self._was_inside = state["was_inside"].numpy().copy()


def constraints(losses: Tensor, preferences: Tensor, directions: Tensor) -> tuple[Array, Array]:
    """Return u^j − p [K, J, m] and the constraint values G_j / ‖L‖ [K, J], −inf where u^j equals p."""
    l, r = (t.detach().double().cpu().numpy() for t in (losses, preferences))  # noqa: E741 - the paper's L
    away = directions.cpu().numpy() - _loss_direction(r)[:, None]
    unit = l / np.maximum(np.linalg.norm(l, axis=1, keepdims=True), 1e-30)
    values = (away @ unit[:, :, None])[:, :, 0]
    # a reference direction equal to p gives a constraint that is always 0 and has no effect
    values[np.abs(away).max(2) <= 1e-9] = -np.inf
    return away, values


def is_outside(values: Array) -> NDArray[np.bool_]:
    """Return which preferences [K] have a violated constraint; values: as returned by `constraints`."""
    outside: NDArray[np.bool_] = values.max(1) > 0
    return outside


def program_weights(
    away: Array, values: Array, gram: Tensor, constraints_alone: NDArray[np.bool_], epsilon: float
) -> Tensor:
    """Return weights [K, m] in float64 from the min-norm program over losses and constraints.

    away, values:      as returned by `constraints`.
    constraints_alone: [K], preferences for which only the violated constraints are descended.
    """
    k, _, m = away.shape
    alone = constraints_alone[:, None]
    combined = np.concatenate([np.broadcast_to(np.eye(m), (k, m, m)), away], axis=1)
    active = np.concatenate([np.broadcast_to(~alone, (k, m)), np.where(alone, values > 0, values >= -epsilon)], axis=1)
    products = combined @ gram.detach().double().cpu().numpy() @ combined.swapaxes(1, 2)
    weights = min_norm_arrays(products, active)
    return torch.from_numpy((weights[:, None] @ combined)[:, 0]).to(gram.device)


def loss_direction(preferences: Tensor) -> Tensor:
    """Return the unit vectors [K, m] along 1/r, the direction of losses with r₁L₁ = … = r_mL_m."""
    return torch.from_numpy(_loss_direction(preferences.double().cpu().numpy())).to(preferences.device)


def _loss_direction(r: Array) -> Array:
    inverse = 1 / np.maximum(r, 1e-12)
    unit: Array = inverse / np.linalg.norm(inverse, axis=1, keepdims=True)
    return unit


def reference_directions(n_objectives: int, n_directions: int) -> Tensor:
    """Return reference directions, unit vectors [J, m] in the positive orthant.

    For m = 2 their angles are evenly spaced from axis to axis. For m > 2 they are Das-Dennis directions, with the
    smallest number of partitions that gives at least `n_directions`.
    """
    if n_objectives == 1:
        return torch.ones(1, 1, dtype=torch.float64)
    if n_objectives == 2:
        angles = torch.linspace(0, math.pi / 2, n_directions, dtype=torch.float64)
        return torch.stack([angles.cos(), angles.sin()], dim=1)
    from pymoo.util.ref_dirs import get_reference_directions

    partitions = 1
    while math.comb(partitions + n_objectives - 1, n_objectives - 1) < n_directions:
        partitions += 1
    directions = torch.from_numpy(get_reference_directions("das-dennis", n_objectives, n_partitions=partitions))
    unit: Tensor = directions / directions.norm(dim=1, keepdim=True)
    return unit
