"""The multiple-gradient descent algorithm: the shortest convex combination of gradients."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 1810.04650; Désidéri 2012"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "min-norm",
            "mobench_mgda.min_norm:MinNorm",
            "shortest convex combination of gradients",
            _SOURCE,
            version="2",
        ),
        Spec(
            "cr-mogm",
            "mobench_mgda.cr_mogm:CRMOGM",
            "min-norm weights, averaged over steps",
            "Zhou et al., NeurIPS 2022",
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "mgda",
            "stack",
            "min-norm",
            "multiple-gradient descent: one Pareto point, no preference",
            _SOURCE,
            version="1",
        ),
        Pair(
            "cr-mogm",
            "stack",
            "cr-mogm",
            "MGDA with averaged weights: one Pareto point",
            "Zhou et al., NeurIPS 2022",
            version="1",
        ),
    ]
