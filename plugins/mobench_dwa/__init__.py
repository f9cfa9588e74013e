"""Dynamic weight average: losses that decrease slowly get more weight."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 1803.10704"


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [Spec("dwa", "mobench_dwa.dwa:DWA", "more weight to losses that fall slowly", _SOURCE, version="1")]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [Pair("dwa", "stack", "dwa", "dynamic weight average: one point, no preference", _SOURCE, version="1")]
