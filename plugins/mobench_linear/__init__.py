"""Linear scalarisation over a stack of independent networks: the standard baseline."""

from mobench.plugins import Pair, Spec, hookimpl


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "stack",
            "mobench_linear.stack:Stack",
            summary="K independent nets, one per ray",
            source="the K-network baseline of arXiv 2010.04104, section 5",
            version="1",
        )
    ]


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "linear",
            "mobench_linear.linear:Linear",
            summary="weights equal to the preference",
            source="weighted sum",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "ls",
            generator="stack",
            balancer="linear",
            summary="linear scalarisation: one net per ray, losses weighted by the preference",
            source="weighted sum; arXiv 1810.04650, section 2",
            version="1",
        )
    ]
