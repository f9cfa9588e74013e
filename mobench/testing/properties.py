"""Assertions on balancers: properties that papers claim, checked on the input families.

Each assertion takes a balancer, which it prepares with `started`. It raises AssertionError with the name of the
family for which the property does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mobench.interfaces import Balancer, BalancerContext, DirectionBalancer, inner_products, seeded
from mobench.testing.families import gradient_families, loss_families, preferences
from mobench.testing.outcomes import demand


@dataclass(frozen=True)
class Case:
    """Inputs of one call of a balancer, all in float64.

    second:       gradients [K, m, n] on the second batch; None: equal to those on the first batch.
    losses_after: losses [K, m] after the step; None: each loss is reduced by a tenth of its absolute value.
    """

    name: str
    losses: Tensor
    preferences: Tensor
    gradients: Tensor
    second: Tensor | None = None
    losses_after: Tensor | None = None

    @property
    def gram(self) -> Tensor:
        """The Gram matrices [K, m, m], between both batches where there are two."""
        if self.second is None:
            return inner_products(self.gradients)
        return self.gradients.double() @ self.second.double().transpose(1, 2)

    def weights(
        self, balancer: Balancer, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> Tensor:
        """Return the balancer's weights [K, m] for losses and preferences in `dtype`.

        The Gram matrix is always in float64. A balancer that needs the losses after the step then gets them.
        """
        gram = self.gram.to(device) if balancer.needs_gram or balancer.needs_second_batch else None
        losses, preferences = self.losses.to(device, dtype), self.preferences.to(device, dtype)
        weights = balancer(losses, preferences, gram)
        self._end_step(balancer, losses, preferences)
        return weights

    def answer(
        self, balancer: Balancer, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
    ) -> Tensor:
        """Return what the balancer computes: its weights [K, m], or the directions [K, n] of a DirectionBalancer."""
        if not isinstance(balancer, DirectionBalancer):
            return self.weights(balancer, dtype, device)
        losses, preferences = self.losses.to(device, dtype), self.preferences.to(device, dtype)
        directions = balancer.directions(losses, preferences, self.gradients.to(device, dtype))
        self._end_step(balancer, losses, preferences)
        return directions

    def direction(self, balancer: Balancer) -> Tensor:
        """Return the direction [K, n] of the balancer's weights, or of a DirectionBalancer, in float64."""
        answer = self.answer(balancer).double()
        return answer if isinstance(balancer, DirectionBalancer) else direction(self, answer)

    def _end_step(self, balancer: Balancer, losses: Tensor, preferences: Tensor) -> None:
        # a missing method is reported by its own check
        if balancer.needs_losses_after and type(balancer).after_step is not Balancer.after_step:
            after = self.losses - 0.1 * self.losses.abs() if self.losses_after is None else self.losses_after
            balancer.after_step(losses, preferences, after.to(losses))

    def rows(self, rows: slice) -> Case:
        """Return the case restricted to the rows in a slice."""
        second, after = (None if t is None else t[rows] for t in (self.second, self.losses_after))
        return Case(self.name, self.losses[rows], self.preferences[rows], self.gradients[rows], second, after)

    def with_preferences(self, preferences: Tensor) -> Case:
        """Return the case with the same losses and gradients and other preferences."""
        return Case(self.name, self.losses, preferences, self.gradients)

    def permuted(self, order: Tensor) -> Case:
        return Case(self.name, self.losses[:, order], self.preferences[:, order], self.gradients[:, order])


def cases(n_objectives: int, n_cases: int = 20, seed: int = 0) -> Iterator[Case]:
    """Yield each gradient family with random losses, then each loss family with random gradients."""
    r = preferences(n_objectives, n_cases, seed)
    losses = loss_families(n_objectives, n_cases, seed)
    gradients = gradient_families(n_objectives, n_cases, seed)
    for name, g in gradients.items():
        yield Case(f"{name} gradients", losses["random"], r, g)
    for name, values in losses.items():
        yield Case(f"{name} losses", values, r, gradients["random"])


def started(
    balancer: Balancer,
    n_objectives: int,
    n_cases: int = 20,
    seed: int = 0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Balancer:
    """Start the balancer on a problem with ideal point 0 and reference point 2, and return it."""
    reference = torch.full((n_objectives,), 2.0, dtype=dtype, device=device)
    balancer.start(BalancerContext(n_cases, n_objectives, reference, torch.zeros_like(reference), seed))
    return balancer


def assert_well_behaved(balancer: Balancer, n_objectives: int) -> None:
    """Assert that weights are finite, of the right shape and dtype on every family, and that inputs do not change."""
    for case in cases(n_objectives):
        before = (case.losses.clone(), case.preferences.clone(), case.gradients.clone())
        answer = case.answer(started(balancer, n_objectives))
        title = f"{case.name}, m = {n_objectives}"
        gives_directions = isinstance(balancer, DirectionBalancer)
        what, size = ("directions", "[K, n]") if gives_directions else ("weights", "[K, m]")
        expected = case.gradients[:, 0].shape if gives_directions else case.losses.shape
        demand(
            answer.shape == expected,
            f"{title}: {what} have shape {tuple(answer.shape)} and not {tuple(expected)}: return {size}",
        )
        demand(answer.dtype == case.losses.dtype, f"{title}: {what} are {answer.dtype}: keep the dtype of the losses")
        demand(
            torch.isfinite(answer).all(),
            f"{title}: {what} are not finite: divide by values that cannot be 0, and take roots and logs of positive "
            "values",
        )
        demand(
            all(map(torch.equal, before, (case.losses, case.preferences, case.gradients))),
            f"{title}: inputs were changed in place: work on copies, without functions ending in _",
        )


def assert_permutation_equivariant(balancer: Balancer, n_objectives: int, tolerance: float = 1e-6) -> None:
    """Assert that permuting the objectives gives the same direction.

    Directions are compared because weights need not be unique.
    """
    order = torch.randperm(n_objectives, generator=seeded(n_objectives))
    for case in cases(n_objectives):
        if "one_huge" in case.name or "large" in case.name or "tiny" in case.name:
            continue  # the directions differ by less than the rounding error of the longest gradient
        first = case.direction(started(balancer, n_objectives))
        second = case.permuted(order).direction(started(balancer, n_objectives))
        size = case.gradients.norm(dim=2).amax(1, keepdim=True).clamp_min(1e-300)
        difference = float(((first - second) / size).abs().max())
        assert difference < tolerance, f"{case.name}: directions differ by {difference}"


def assert_indifferent_to_scale(balancer: Balancer, n_objectives: int, tolerance: float = 1e-6) -> None:
    """Assert that scaling all gradients by one factor gives the same weights."""
    for case in cases(n_objectives):
        if "random gradients" not in case.name:
            continue
        alpha = case.weights(started(balancer, n_objectives))
        for factor in (1e-3, 1e3):
            scaled = Case(case.name, case.losses, case.preferences, factor * case.gradients)
            difference = float((scaled.weights(started(balancer, n_objectives)) - alpha).abs().max())
            assert difference < tolerance, f"{case.name} × {factor}: weights differ by {difference}"


def assert_indifferent_to_units(
    balancer: Balancer, n_objectives: int, tolerance: float = 1e-6, n_steps: int = 1, up_to_sign: bool = False
) -> None:
    """Assert that multiplying each loss by a factor of its own changes the length of the direction only.

    n_steps: number of steps with the same losses and gradients, of which the last is tested.
    up_to_sign: whether the direction may turn round.
    """
    factors = 10 ** torch.linspace(-1, 1, n_objectives, dtype=torch.float64)
    for case in cases(n_objectives):
        if case.name not in ("random gradients", "conflicting gradients"):
            continue
        after = case.losses * torch.linspace(0.6, 0.9, n_objectives, dtype=torch.float64)
        case = replace(case, losses_after=after)
        scaled = replace(
            case,
            losses=factors * case.losses,
            gradients=factors[:, None] * case.gradients,
            losses_after=factors * after,
        )
        directions = []
        for variant in (case, scaled):
            started(balancer, n_objectives)
            for _ in range(n_steps):
                d = variant.direction(balancer)
            directions.append(d / d.norm(dim=1, keepdim=True).clamp_min(1e-300))
        differences = (directions[0] - directions[1]).norm(dim=1)
        if up_to_sign:
            differences = differences.minimum((directions[0] + directions[1]).norm(dim=1))
        difference = float(differences.max())
        assert difference < tolerance, f"{case.name}: unit directions differ by {difference}"


def assert_descends(
    balancer: Balancer,
    n_objectives: int,
    tolerance: float = 1e-7,
    n_steps: int = 1,
    families: Sequence[str] | None = None,
) -> None:
    """Assert that a step along −Σ α_i ∇L_i raises no loss, to first order, for any gradients.

    n_steps: number of steps with the same losses and gradients, of which the last is tested.
    families: parts of the names of the cases that are tested; None for all.
    """
    all_cases = list(cases(n_objectives))
    conflicting = next(case for case in all_cases if case.name == "conflicting gradients")
    lengths = 10 ** torch.linspace(-1, 1, n_objectives, dtype=torch.float64)
    of_unequal_length = replace(
        conflicting, name="conflicting gradients of unequal length", gradients=lengths[:, None] * conflicting.gradients
    )
    for case in (*all_cases, of_unequal_length):
        if families is not None and not any(family in case.name for family in families):
            continue
        started(balancer, n_objectives)
        for _ in range(n_steps):
            d = case.direction(balancer)
        length = case.gradients.norm(dim=2)
        shortest = torch.where(length > 0, length, torch.inf).amin(1, keepdim=True)
        # the slope is relative to the largest one that a direction of the size of the gradients can have
        scale = length * torch.minimum(shortest, d.norm(dim=1, keepdim=True)) + length * shortest
        slope = torch.einsum("kmn,kn->km", case.gradients, d) / scale.clamp_min(1e-300)
        worst = float(torch.where(length > 0, slope, 0.0).min())
        assert worst > -tolerance, f"{case.name}: a loss rises, relative slope {worst}"


def direction(case: Case, alpha: Tensor) -> Tensor:
    """Return the direction Σ α_i ∇L_i of each row, [K, n]."""
    return torch.einsum("km,kmn->kn", alpha.double(), case.gradients)
