"""GMOOAR: reference vectors that are learned together with a network that is conditioned on them."""

from mobench.plugins import Spec, hookimpl

_SOURCE = "Chen & Kwok, Multi-Objective Deep Learning with Adaptive Reference Vectors, NeurIPS 2022"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "film",
            "mobench_gmooar.film:Film",
            "every layer's outputs scaled and shifted by a function of the preference",
            "Dosovitskiy & Djolonga, You Only Train Once, ICLR 2020; FiLM, arXiv 1709.07871",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Spec]:
    return [
        Spec(
            "gmooar-hv",
            "mobench_gmooar.gmooar:GMOOAR",
            "adaptive reference vectors that maximise hypervolume",
            _SOURCE,
            defaults={"quality": "hypervolume"},
            version="1",
        ),
        Spec(
            "gmooar-u",
            "mobench_gmooar.gmooar:GMOOAR",
            "adaptive reference vectors that spread the points evenly",
            _SOURCE,
            defaults={"quality": "uniformity"},
            version="1",
        ),
    ]
