"""FAMO: loss weights that are learned from the losses before and after each step."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2306.03792"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "famo",
            "mobench_famo.famo:FAMO",
            "weights that decrease all losses at an equal relative rate, without gradients of single losses",
            _SOURCE,
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("famo", "stack", "famo", "fast adaptive multitask optimisation: one point", _SOURCE, version="1")]
