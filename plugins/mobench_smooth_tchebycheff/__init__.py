"""Smooth Tchebycheff scalarisation: a soft maximum of the weighted losses."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2402.19078"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "smooth-tchebycheff",
            "mobench_smooth_tchebycheff.smooth:SmoothTchebycheff",
            "a soft maximum of the weighted losses",
            _SOURCE,
            version="1",
        ),
        Spec(
            "stch-mtl",
            "mobench_smooth_tchebycheff.logarithmic:LogarithmicTchebycheff",
            "a soft maximum of log losses, without preferences",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("stche", "stack", "smooth-tchebycheff", "smooth Tchebycheff: one net per ray", _SOURCE, version="1"),
        Pair(
            "stch-mtl",
            "stack",
            "stch-mtl",
            "smooth Tchebycheff of log losses: one point, no preference",
            _SOURCE,
            version="1",
        ),
    ]
