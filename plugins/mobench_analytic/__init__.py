"""Analytic problems with known fronts, and the model `point`, whose weights are the decision vector x."""

from mobench.plugins import Spec, hookimpl

_PROBLEMS = {
    "vlmop2": ("VLMOP2", "two Gaussian bumps, concave front", "Van Veldhuizen & Lamont 1999; arXiv 1912.12854"),
    "zdt1": ("ZDT1", "convex front", "Zitzler, Deb & Thiele 2000"),
    "zdt2": ("ZDT2", "concave front, out of reach of weighted sums", "Zitzler, Deb & Thiele 2000"),
    "zdt3": ("ZDT3", "front in five pieces", "Zitzler, Deb & Thiele 2000"),
    "dtlz2": ("DTLZ2", "three objectives, an eighth of a sphere", "Deb, Thiele, Laumanns & Zitzler 2002"),
}

_VERSIONS = {"dtlz2": "2"}  # objectives of version 1 were slightly negative at a bound in single precision


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(name, f"mobench_analytic.problems:{cls}", summary, source, version=_VERSIONS.get(name, "1"))
        for name, (cls, summary, source) in _PROBLEMS.items()
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [Spec("point", "mobench_analytic.point:Point", "the decision vector x itself", "mobench's own", version="1")]
