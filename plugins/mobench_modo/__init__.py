"""MoDo: multi-objective gradients with double sampling."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2305.20057"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "modo",
            "mobench_modo.modo:MoDo",
            "the min-norm program followed by one projected step per batch pair",
            _SOURCE,
            version="1",
        ),
        Spec(
            "sdmgrad",
            "mobench_modo.sdmgrad:SDMGrad",
            "a common descent direction near the mean gradient, from batch pairs",
            "arXiv 2305.18409",
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("modo", "stack", "modo", "double sampling of gradients: one Pareto point", _SOURCE, version="1"),
        Pair(
            "sdmgrad",
            "stack",
            "sdmgrad",
            "direction-oriented stochastic descent: one Pareto point",
            "arXiv 2305.18409",
            version="1",
        ),
    ]
