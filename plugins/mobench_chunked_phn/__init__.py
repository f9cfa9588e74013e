"""The chunked Pareto hypernetwork, for targets with millions of weights."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2010.04104, appendix"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "chunked-phn",
            "mobench_chunked_phn.chunked:ChunkedPHN",
            "hypernetwork that makes 10,000 weights at a time",
            _SOURCE,
            version="1",
            small={"size": "fit", "chunk": 500, "hidden": 16},
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "chunked-phn-ls",
            "chunked-phn",
            "linear",
            "chunked Pareto hypernetwork trained on the weighted sum",
            _SOURCE,
            defaults={"solver.alpha": 0.2},
            version="1",
        )
    ]
