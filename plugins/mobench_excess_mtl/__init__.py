"""ExcessMTL: more weight to the objectives that are furthest from their optimum."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2402.02009"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "excess-mtl",
            "mobench_excess_mtl.excess:ExcessMTL",
            "more weight to objectives with a large estimated excess risk",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "excess-mtl",
            "stack",
            "excess-mtl",
            "robust multi-task learning with excess risks: one point",
            _SOURCE,
            version="1",
        ),
    ]
