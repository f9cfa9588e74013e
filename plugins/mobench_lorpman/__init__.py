"""LORPMAN: a main network that is frozen late in training, and low-rank matrices that are kept orthogonal."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "Chen & Kwok, ICML 2024 (arXiv 2407.20734)"
_STARTS_AT_ZERO = "the updates start at zero, as in LoRA; the first step changes this"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "lorpman",
            "mobench_lorpman.lorpman:Lorpman",
            "one network plus orthogonal low-rank matrices per objective; the network is frozen late",
            _SOURCE,
            version="1",
            declines={"moves_with_the_preference": _STARTS_AT_ZERO, "is_reached_by_gradients": _STARTS_AT_ZERO},
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "lorpman",
            "lorpman",
            "linear",
            "a main network and orthogonal low-rank matrices, weighted by the preference",
            _SOURCE,
            defaults={"solver.alpha": 1.0},
            version="1",
        )
    ]
