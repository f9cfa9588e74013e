"""Nash-MTL: the direction is the Nash bargaining solution among the gradients."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2202.01017"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "nash-mtl",
            "mobench_nash_mtl.nash:NashMTL",
            "the Nash bargaining solution among gradients",
            _SOURCE,
            version="2",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "nash-mtl",
            "stack",
            "nash-mtl",
            "multi-task learning as a bargaining game: one Pareto point",
            _SOURCE,
            version="1",
        )
    ]
