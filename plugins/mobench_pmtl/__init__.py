"""Pareto multi-task learning: the preference selects a cell of the objective space, and descent stays inside it."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 1912.12854"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "decomposition",
            "mobench_pmtl.decomposition:Decomposition",
            "descent inside the preference's cell of the objective space",
            _SOURCE,
            version="2",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("pmtl", "stack", "decomposition", "Pareto multi-task learning: one net per ray", _SOURCE, version="1")]
