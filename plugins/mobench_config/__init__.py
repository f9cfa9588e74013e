"""ConFIG: the direction with the same cosine to every gradient."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2408.11104"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "config",
            "mobench_config.config:ConFIG",
            "the direction with the same positive cosine to every gradient",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("config", "stack", "config", "conflict-free inverse gradients: one Pareto point", _SOURCE, version="1"),
    ]
