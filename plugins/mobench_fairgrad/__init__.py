"""FairGrad: the direction whose slopes are an α-fair allocation."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2402.15638"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "fairgrad",
            "mobench_fairgrad.fairgrad:FairGrad",
            "the direction whose slopes are an α-fair allocation",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "fairgrad",
            "stack",
            "fairgrad",
            "fair resource allocation among gradients: one Pareto point",
            _SOURCE,
            version="1",
        ),
    ]
