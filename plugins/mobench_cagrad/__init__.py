"""CAGrad: the best worst-case improvement near the mean gradient."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2110.14048"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "cagrad",
            "mobench_cagrad.cagrad:CAGrad",
            "the direction near the mean gradient that helps the worst loss most",
            _SOURCE,
            version="2",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("cagrad", "stack", "cagrad", "conflict-averse descent: one Pareto point", _SOURCE, version="1")]
