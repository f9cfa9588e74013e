"""FERERO: descent of all losses with the ray of the preference as an equality constraint."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "Chen et al., FERERO, NeurIPS 2024 (arXiv 2412.01773)"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "ferero",
            "mobench_ferero.ferero:FERERO",
            "descends all losses and the distance from the ray by one program",
            _SOURCE,
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "ferero",
            "stack",
            "ferero",
            "common descent with the ray as an equality constraint: one net per ray",
            _SOURCE,
            version="1",
        )
    ]
