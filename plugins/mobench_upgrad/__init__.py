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
        ),
        Spec(
            "dualproj",
            "mobench_upgrad.dualproj:DualProj",
            "the mean gradient projected onto the dual cone of the gradients",
            "arXiv 1706.08840",
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("upgrad", "stack", "upgrad", "Jacobian descent with UPGrad: one Pareto point", _SOURCE, version="1"),
        Pair(
            "dualproj",
            "stack",
            "dualproj",
            "projection of the mean gradient: one Pareto point",
            "arXiv 1706.08840",
            version="1",
        ),
    ]
