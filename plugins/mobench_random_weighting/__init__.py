"""Random loss weighting."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2111.10603"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "random-weighting",
            "mobench_random_weighting.random_weighting:RandomWeighting",
            "new random weights at every step",
            _SOURCE,
            version="1",
            declines={"weighs_preferences_apart": "the weights are random numbers, drawn for all preferences in turn"},
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "rlw", "stack", "random-weighting", "random loss weighting: one point, no preference", _SOURCE, version="1"
        )
    ]
