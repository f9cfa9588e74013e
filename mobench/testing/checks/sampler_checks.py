"""Conformance checks of samplers."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from mobench.errors import IncompatibleError
from mobench.interfaces import Sampler, SamplerContext
from mobench.plugins import Entry
from mobench.testing.isolation import saved_and_read
from mobench.testing.outcomes import Declined, demand
from mobench.testing.small import small

N_STEPS = 40
TOLERANCE = 1e-5


def draws_preferences(entry: Entry) -> None:
    """Every step gets K preferences with positive entries that sum to 1, for two, three and five objectives"""
    for context in contexts(entry):
        sampler = started(entry, context)
        k, m = context.n_preferences, context.n_objectives
        for step in range(N_STEPS):
            drawn = sampler.sample(step)
            demand(
                drawn.shape == (k, m),
                f"step {step} has preferences of shape {tuple(drawn.shape)} for K = {k} and m = {m}: return [K, m]",
            )
            demand(drawn.is_floating_point(), f"preferences are {drawn.dtype}: return real numbers")
            demand(drawn.device.type == "cpu", f"preferences are on {drawn.device}: return them on the CPU")
            row = _worst(drawn)
            demand(
                bool(torch.isfinite(row).all() and (row > 0).all()) and abs(float(row.sum()) - 1) <= TOLERANCE,
                f"step {step} has the preference {_shown(row)}: return positive entries that sum to 1, for example by "
                "positive_preferences of mobench.interfaces",
            )


def covers_every_objective(entry: Entry) -> None:
    """Over a training run, each objective is the most preferred one at some step, and preferences differ"""
    for context in contexts(entry, n_steps=400):
        sampler = started(entry, context)
        drawn = torch.cat([sampler.sample(step).double() for step in range(400)])
        favoured = set(drawn.argmax(dim=1).tolist())
        missing = sorted(set(range(context.n_objectives)) - favoured)
        demand(
            not missing and len(torch.unique(drawn, dim=0)) > 1,
            f"in 400 steps with K = {context.n_preferences}, no preference is largest for objective "
            f"{missing[0] if missing else 0} of {context.n_objectives}: draw from the whole simplex, for a continuous "
            "Pareto set learns only the preferences that it is trained on",
        )


def serves_budgets_in_seconds(entry: Entry) -> None:
    """Without a number of steps, for a budget in seconds, it draws as well, or it says that it needs one"""
    sampler: Sampler = small(entry)
    if sampler.needs_total_steps:
        return
    for context in contexts(entry, n_steps=None):
        try:
            started(entry, context).sample(0)
        except Exception as error:
            demand(
                False,
                f"without total_steps it raises {type(error).__name__}: {error}: set needs_total_steps = True, so that "
                "jobs with a budget in seconds are declined",
            )


def heeds_the_seed(entry: Entry) -> None:
    """The same seed gives the same preferences, and where it draws random numbers another seed gives others"""
    for context in contexts(entry):

        def drawn(seed: int, context: SamplerContext = context) -> tuple[Sampler, list[Tensor]]:
            sampler = started(entry, context, seed)
            return sampler, [sampler.sample(step) for step in range(5)]

        (sampler, one), (_, two), (_, other) = drawn(5), drawn(5), drawn(6)
        demand(
            all(map(torch.equal, one, two)),
            "the same seed gave other preferences the second time: draw from `seeded(context.seed)`, made in start",
        )
        draws = any(isinstance(value, torch.Generator) for value in vars(sampler).values())
        demand(
            not draws or not all(map(torch.equal, one, other)),
            "every seed gives the same preferences: make the generator in start, as `seeded(context.seed)`",
        )


def resumes_from_its_state(entry: Entry) -> None:
    """A state dict, saved and read back, carries everything"""
    for context in contexts(entry):
        one, resumed = started(entry, context, 5), started(entry, context, 6)
        for step in range(5):
            one.sample(step)
        resumed.load_state_dict(saved_and_read(one.state_dict()))
        for step in range(5, 10):
            demand(
                torch.equal(one.sample(step), resumed.sample(step)),
                "after load_state_dict its preferences differ: put everything that start made and steps changed into "
                "state_dict, a torch.Generator by get_state()",
            )


def contexts(entry: Entry, n_steps: int | None = N_STEPS) -> Iterator[SamplerContext]:
    """Yield contexts of several numbers of objectives and preferences that the sampler supports.

    Raises: Declined if it supports none of them.
    """
    supported, reason = False, ""
    for m in (2, 3, 5):
        for k in (1, 4):
            try:
                small(entry).check(m, k)
            except IncompatibleError as error:
                reason = str(error)
                continue
            supported = True
            yield SamplerContext(n_objectives=m, n_preferences=k, seed=0, alpha=1.0, total_steps=n_steps)
    if not supported:
        raise Declined(f"it supports none of the numbers that are tried: {reason}")


def started(entry: Entry, context: SamplerContext, seed: int = 0) -> Sampler:
    sampler: Sampler = small(entry)
    sampler.start(SamplerContext(**{**vars(context), "seed": seed}))
    return sampler


def _worst(drawn: Tensor) -> Tensor:
    """Return the row that is farthest from the simplex."""
    rows = drawn.double()
    off = (rows.sum(dim=1) - 1).abs() + (rows <= 0).sum(dim=1) + (~torch.isfinite(rows)).sum(dim=1)
    return rows[int(torch.nan_to_num(off, nan=float("inf")).argmax())]


def _shown(row: Tensor) -> list[float]:
    return [round(value, 6) for value in row.tolist()]
