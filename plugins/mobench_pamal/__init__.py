"""Pareto manifold learning: the weights of a preference are a convex combination of m endpoint networks."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2210.09759"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec("endpoints", "mobench_pamal.endpoints:Endpoints", "weights linear in the preference", _SOURCE, version="1")
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "pamal",
            "endpoints",
            "linear",
            "m endpoint networks, averaged by the preference",
            _SOURCE,
            defaults={"solver.alpha": 1.0},
            version="1",
        )
    ]
