"""Exact Pareto optimal search: descent towards the point of the front on the ray of the preference."""

from mobench.plugins import Pair, Spec, hookimpl
from mobench_phn import PAPER

_SOURCE = "Mahapatra & Rajan, ICML 2020 (arXiv 2108.00597)"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec("epo", "mobench_epo.epo:EPO", "descends to the front's point with r₁L₁ = … = r_mL_m", _SOURCE, version="2")
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair("epo", "stack", "epo", "exact Pareto optimal search: one net per ray", _SOURCE, version="1"),
        Pair(
            "phn-epo",
            "phn",
            "epo",
            "Pareto hypernetwork trained by exact Pareto optimal search",
            "arXiv 2010.04104, algorithm 1",
            defaults={"solver.alpha": 0.2},
            version="1",
            presets=(PAPER,),
        ),
    ]
