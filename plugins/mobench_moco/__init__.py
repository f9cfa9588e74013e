"""MoCo: the min-norm program on averages of the gradients over steps."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2210.12624"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "moco",
            "mobench_moco.moco:MoCo",
            "a step of the min-norm program on gradients averaged over steps",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("moco", "stack", "moco", "gradient bias correction: one Pareto point", _SOURCE, version="1"),
    ]
