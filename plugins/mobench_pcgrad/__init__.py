"""PCGrad: remove from each gradient the components that conflict with other gradients."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2001.06782"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "pcgrad",
            "mobench_pcgrad.pcgrad:PCGrad",
            "projects conflicting gradients onto each other's normal planes",
            _SOURCE,
            version="2",
            declines={
                "weighs_preferences_apart": "the order of projections is random, drawn for all preferences in turn"
            },
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("pcgrad", "stack", "pcgrad", "gradient surgery by projection: one Pareto point", _SOURCE, version="1")]
