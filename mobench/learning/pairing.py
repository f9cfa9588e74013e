"""Combinations of generators, balancers and samplers that would not train what they state, and are declined."""

from __future__ import annotations

from mobench.errors import IncompatibleError
from mobench.interfaces import Balancer, Generator, Sampler


def check_pair(
    generator: Generator | type[Generator],
    balancer: Balancer | type[Balancer],
    n_preferences: int,
    pair: str,
) -> None:
    """Raise IncompatibleError for a pair that would not train what its name states.

    generator, balancer: objects or classes; their class attributes decide.
    n_preferences: the preferences that are drawn for each step of a generator that is not finite.
    pair: "generator+balancer", the names for the message.
    """
    if generator.finite:
        return
    name = pair.partition("+")[2]
    if balancer.couples_preferences and n_preferences < 2:
        raise IncompatibleError(
            f"{pair}: balancer {name!r} weighs preferences against each other, but n_preferences is {n_preferences}: "
            "set it to 2 or more"
        )
    if not balancer.needs_preference:
        raise IncompatibleError(
            f"{pair}: balancer {name!r} ignores the preference, so a network that takes one would learn the same "
            "point for all of them: pair it with a finite generator such as a stack"
        )


def check_sampler(sampler: Sampler, name: str, n_objectives: int, n_preferences: int, counts_steps: bool) -> None:
    """Raise IncompatibleError for a job whose preferences a sampler cannot choose.

    name: the name for the message.
    counts_steps: whether the total number of steps is known; it is not if the budget is in seconds.
    """
    if sampler.needs_total_steps and not counts_steps:
        raise IncompatibleError(
            f"sampler {name!r} depends on the training progress, and the budget is in seconds: give epochs or steps"
        )
    sampler.check(n_objectives, n_preferences)
