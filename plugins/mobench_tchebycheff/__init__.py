"""Tchebycheff scalarisation: minimise the worst weighted loss."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "Bowman 1976; Miettinen 1998, section 3.4"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "tchebycheff",
            "mobench_tchebycheff.tchebycheff:Tchebycheff",
            "the worst weighted loss alone",
            _SOURCE,
            version="1",
        ),
        Spec(
            "pbi",
            "mobench_tchebycheff.pbi:PBI",
            "distance along the ray plus a penalty of the distance from it",
            "Zhang & Li 2007, MOEA/D, section II-C",
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("tche", "stack", "tchebycheff", "Tchebycheff scalarisation: one net per ray", _SOURCE, version="1"),
        Pair(
            "pbi",
            "stack",
            "pbi",
            "penalty-based boundary intersection: one net per ray",
            "Zhang & Li 2007, MOEA/D, section II-C",
            version="1",
        ),
    ]
