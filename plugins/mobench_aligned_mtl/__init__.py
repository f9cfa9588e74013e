"""Aligned-MTL: gradients with equal singular values."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2305.19000"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "aligned-mtl",
            "mobench_aligned_mtl.aligned:AlignedMTL",
            "the sum of the gradients after their singular values are made equal",
            _SOURCE,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "aligned-mtl",
            "stack",
            "aligned-mtl",
            "independent component alignment: one Pareto point",
            _SOURCE,
            version="1",
        ),
    ]
