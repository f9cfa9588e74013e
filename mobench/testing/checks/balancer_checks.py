"""Conformance checks of balancers."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import torch
from torch import Tensor

from mobench.interfaces import Balancer, DirectionBalancer, Scope, TaskGradient
from mobench.plugins import Entry
from mobench.testing import properties
from mobench.testing.isolation import device, elsewhere, saved_and_read
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import small


def weighs_every_family(entry: Entry) -> None:
    """Finite weights of the right shape and dtype from every family of inputs, which stay as they are"""
    for m in (1, 2, 3, 5):
        properties.assert_well_behaved(small(entry), m)


def declares_what_it_asks_for(entry: Entry) -> None:
    """What it asks for is known, and it has the methods that receive it"""
    balancer: Balancer = small(entry)
    for name, accepted in (("scope", get_args(Scope)), ("task_gradients", get_args(TaskGradient))):
        value = getattr(balancer, name)
        demand(value in accepted, f"{name} is {value!r}: choose one of {', '.join(map(repr, accepted))}")
    demand(
        balancer.needs_gradients == isinstance(balancer, DirectionBalancer),
        f"needs_gradients is {balancer.needs_gradients}: derive it from mobench.DirectionBalancer to get gradients and "
        "return directions, or from mobench.Balancer to return weights",
    )
    has_after_step = type(balancer).after_step is not Balancer.after_step
    demand(
        balancer.needs_losses_after == has_after_step,
        f"needs_losses_after is {balancer.needs_losses_after}, and it has {'an' if has_after_step else 'no'} "
        "after_step: set needs_losses_after = True and implement after_step, or leave out both",
    )
    demand(
        not (balancer.needs_gradients and (balancer.needs_gram or balancer.needs_second_batch)),
        "it asks for gradients and for Gram matrices: directions gets the gradients of one batch only, so leave out "
        "needs_gram and needs_second_batch",
    )


def uses_what_it_asks_for(entry: Entry) -> None:
    """Everything that it asks for, and that is paid for, changes its weights or directions"""
    balancer: Balancer = small(entry)
    has_after_step = type(balancer).after_step is not Balancer.after_step
    requests = {
        "needs_gram": balancer.needs_gram,
        "needs_second_batch": balancer.needs_second_batch,
        "needs_losses_after": balancer.needs_losses_after and has_after_step,
        "needs_gradients": isinstance(balancer, DirectionBalancer),
    }
    if not any(requests.values()):
        raise Declined("it asks for losses and preferences only")
    sequence = list(properties.cases(3))[:8]
    for name in (name for name, is_asked in requests.items() if is_asked):
        plain, altered = (properties.started(small(entry), 3) for _ in range(2))
        is_used = [not torch.equal(case.answer(plain), _altered(case, name).answer(altered)) for case in sequence]
        demand(
            any(is_used),
            f"it sets {name} = True, but gives the same for other values of what it then gets: use it, or leave out "
            f"{name}, because every step pays for it",
        )


def _altered(case: properties.Case, request: str) -> properties.Case:
    """Return the case with other values of what a request provides."""
    flipped = case.gradients.flip(1) + case.gradients.roll(1, 2)
    if request == "needs_second_batch":
        return replace(case, second=flipped)
    if request == "needs_losses_after":
        factors = torch.linspace(0.1, 0.9, case.losses.shape[1], dtype=case.losses.dtype)
        return replace(case, losses_after=case.losses - factors * case.losses.abs())
    return replace(case, gradients=flipped)


def weighs_preferences_apart(entry: Entry) -> None:
    """K preferences at once get the weights that each would get by itself"""
    if small(entry).couples_preferences:
        raise Declined("it weighs preferences against each other (couples_preferences)")
    for case in properties.cases(3, n_cases=4):
        together = case.answer(properties.started(small(entry), 3, n_cases=4))
        for k in range(4):
            alone = case.rows(slice(k, k + 1)).answer(properties.started(small(entry), 3, n_cases=1))
            scale = float(together[k].abs().max()) + 1e-12
            difference = float((alone[0] - together[k]).abs().max()) / scale
            demand(
                difference < 1e-4,
                f"{case.name}: row {k} of K = 4 has weights {_shown(together[k])}, alone {_shown(alone[0])}: "
                "compute each row from its own row alone (dim=1), or set couples_preferences = True",
            )


def heeds_the_preference(entry: Entry) -> None:
    """Another preference gives other weights, or the balancer says that it ignores it and does"""
    balancer: Balancer = small(entry)
    moved = []
    for case in properties.cases(2):
        other = case.with_preferences(case.preferences.flip(1))
        first, second = (c.answer(properties.started(small(entry), 2)) for c in (case, other))
        moved.append(not torch.equal(first, second))
    if balancer.needs_preference:
        demand(
            any(moved),
            "the preference changes nothing: use it, or set needs_preference = False, which restricts it to one ray",
        )
    else:
        demand(not any(moved), "its weights change with the preference: set needs_preference = True")


def follows_the_preference(entry: Entry) -> None:
    """A larger preference for an objective leads to a smaller loss of it, on two quadratic functions"""
    balancer: Balancer = small(entry)
    if not balancer.needs_preference:
        raise Declined("it ignores the preference (needs_preference = False)")
    shares = torch.tensor([0.2, 0.4, 0.6, 0.8], dtype=torch.float64)
    preferences = torch.stack([shares, 1 - shares], dim=1)
    losses = _descended(balancer, preferences)
    for i in range(2):
        low, high = (losses[preferences[:, i].argmin(), i], losses[preferences[:, i].argmax(), i])
        demand(
            float(high) <= float(low) + 1e-9,  # equal losses are checked by heeds_the_preference
            f"the loss of objective {i} ends at {float(high):.3g} under preference {float(preferences[:, i].max()):g} "
            f"for it, and at {float(low):.3g} under {float(preferences[:, i].min()):g}: weigh an objective more the "
            "larger its preference is (a method whose rays point to the losses themselves takes 1 / preferences)",
        )


def _descended(balancer: Balancer, preferences: Tensor, n_steps: int = 400, lr: float = 0.05) -> Tensor:
    """Losses [K, 2] of ‖x − c_i‖² / 2 after descent along Σ α_i ∇L_i, with c_i the unit vectors and x from (½, ½).

    The length of the weights is left out of the steps, so that only their direction counts.
    """
    centres = torch.eye(2, dtype=torch.float64)
    x = torch.full((len(preferences), 2), 0.5, dtype=torch.float64)
    properties.started(balancer, 2, n_cases=len(preferences))
    for _ in range(n_steps):
        gradients = x[:, None] - centres
        case = properties.Case("two quadratics", gradients.square().sum(2) / 2, preferences, gradients)
        if isinstance(balancer, DirectionBalancer):
            directions = case.answer(balancer).double()
            x = x - lr * directions / directions.norm(dim=1, keepdim=True).clamp_min(1e-12)
            continue
        alpha = case.answer(balancer).double()
        alpha = alpha / alpha.abs().sum(1, keepdim=True).clamp_min(1e-12)
        x = x - lr * torch.einsum("km,kmn->kn", alpha, gradients)
    return (x[:, None] - centres).square().sum(2) / 2


def heeds_the_seed(entry: Entry) -> None:
    """The same seed gives the same weights, and where it draws random numbers another seed gives others"""
    sequence = list(properties.cases(3))[:5]

    def weights(seed: int) -> tuple[Balancer, list[Tensor]]:
        balancer = properties.started(small(entry), 3, seed=seed)
        return balancer, [case.answer(balancer) for case in sequence]

    (balancer, first), (_, second), (_, third) = weights(5), weights(5), weights(6)
    demand(
        all(map(torch.equal, first, second)),
        "the same seed gave other weights the second time: draw from `seeded(context.seed)`, made in start",
    )
    draws = any(isinstance(value, torch.Generator) for value in vars(balancer).values())
    demand(
        not draws or not all(map(torch.equal, first, third)),
        "every seed gives the same weights: make the generator in start, as `seeded(context.seed)`",
    )


def resumes_from_its_state(entry: Entry) -> None:
    """A state dict, saved and read back, carries everything"""
    all_cases = list(properties.cases(3))
    # a balancer may keep something for each weight, and the number of weights does not change in a training run
    sequence = [case for case in all_cases if case.gradients.shape == all_cases[0].gradients.shape]
    original, resumed = properties.started(small(entry), 3, seed=5), properties.started(small(entry), 3, seed=6)
    for case in sequence[:5]:
        case.answer(original)
    resumed.load_state_dict(saved_and_read(original.state_dict()))
    for case in sequence[5:]:
        demand(
            torch.equal(case.answer(original), case.answer(resumed)),
            "after load_state_dict its weights differ: put everything that start made and steps changed into "
            "state_dict, a torch.Generator by get_state()",
        )


def weighs_in_both_precisions(entry: Entry) -> None:
    """Losses in float32 are taken as well as losses in float64"""
    for case in properties.cases(3):
        balancer = properties.started(small(entry), 3, dtype=torch.float32)
        alpha = case.answer(balancer, torch.float32)
        demand(alpha.is_floating_point(), f"{case.name}: weights are {alpha.dtype}: return real numbers")
        demand(
            torch.isfinite(alpha).all(),
            f"{case.name}: weights of float32 losses are not finite: divide by values that are not 0",
        )


def weighs_on_another_device(entry: Entry) -> None:
    """Tensors on another device are taken where they are"""
    at = device()
    for case in properties.cases(3, n_cases=4):
        with elsewhere():
            balancer = properties.started(small(entry), 3, n_cases=4, device=at)
            alpha = case.answer(balancer, torch.float32, at)
        demand(
            alpha.device.type == at.type,
            f"weights are on {alpha.device}, the losses on {at}: return them where those are",
        )


def _shown(row: Tensor) -> list[float]:
    return [round(value, 4) for value in row.tolist()]
