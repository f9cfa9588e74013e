"""Uncertainty weighting: learned variances determine the weights of the losses."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 1705.07115"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "uncertainty",
            "mobench_uncertainty.uncertainty:Uncertainty",
            "learned variances weigh the losses",
            _SOURCE,
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("uw", "stack", "uncertainty", "uncertainty weighting: one point, no preference", _SOURCE, version="1")]
