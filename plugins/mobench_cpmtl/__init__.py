"""The controllable Pareto hypernetwork: a chunked hypernetwork with a 3-D tensor per chunk."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2010.06313"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "cpmtl",
            "mobench_cpmtl.chunked:Chunked",
            "chunked hypernetwork: a 3-D tensor for each filter or matrix of the target",
            "arXiv 2010.06313, section 4; the student report of January 2024",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "cpmtl-ls",
            "cpmtl",
            "linear",
            "controllable Pareto hypernetwork trained on the weighted sum",
            _SOURCE,
            defaults={"solver.alpha": 1.0},
            version="1",
        ),
        Pair(
            "cpmtl-moo",
            "cpmtl",
            "decomposition",
            "controllable Pareto hypernetwork trained by decomposition",
            _SOURCE,
            defaults={"solver.alpha": 1.0},
            version="1",
        ),
    ]
