"""Scalarisations of the distances to the ideal or the reference point: AASF, weighted p-norm, inverted product."""

from mobench.plugins import Pair, Spec, hookimpl

_ACHIEVEMENT = "Wierzbicki 1980; Miettinen 1998, section 3.5"
_P_NORM = "Zeleny 1973; Miettinen 1998, section 2.1"
_INVERTED = "LibMOON, arXiv 2409.02969"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "aasf",
            "mobench_scalarisations.achievement:AugmentedAchievement",
            "the worst weighted loss plus a share of the weighted sum",
            _ACHIEVEMENT,
            version="1",
        ),
        Spec(
            "p-norm",
            "mobench_scalarisations.p_norm:PNorm",
            "the p-norm of the weighted losses",
            _P_NORM,
            version="1",
        ),
        Spec(
            "invagg",
            "mobench_scalarisations.inverted:InvertedProduct",
            "the inverse of the weighted product of distances to the reference point",
            _INVERTED,
            version="1",
        ),
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "aasf",
            "stack",
            "aasf",
            "augmented achievement scalarisation: one net per ray",
            _ACHIEVEMENT,
            version="1",
        ),
        Pair("p-norm", "stack", "p-norm", "weighted p-norm: one net per ray", _P_NORM, version="1"),
        Pair(
            "invagg",
            "stack",
            "invagg",
            "weighted product of distances to the reference point: one net per ray",
            _INVERTED,
            version="1",
        ),
    ]
