"""UPGrad: the mean of the gradients' projections onto the cone of non-conflicting directions."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2406.16232"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "upgrad",
            "mobench_upgrad.upgrad:UPGrad",
            "mean of the gradients projected onto their dual cone",
            _SOURCE,
            version="2",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("upgrad", "stack", "upgrad", "Jacobian descent with UPGrad: one Pareto point", _SOURCE, version="1")]
