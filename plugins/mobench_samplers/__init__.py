"""Samplers of the preferences that each training step of a continuous Pareto set uses."""

from mobench.plugins import Spec, hookimpl

_PALORA = "arXiv 2407.08056"


@hookimpl
def mobench_samplers() -> list[Spec]:
    return [
        Spec(
            "dirichlet",
            "mobench_samplers.dirichlet:Dirichlet",
            "symmetric Dirichlet distribution of concentration alpha (default)",
            "arXiv 2010.04104, section 4",
            version="1",
        ),
        Spec("arc", "mobench_samplers.arc:Arc", "uniform on the arc: angles, not shares", "Muller 1959", version="1"),
        Spec(
            "annealed",
            "mobench_samplers.annealed:Annealed",
            "evenly spaced preferences that move from the centre to the boundary",
            f"{_PALORA} (deterministic schedule)",
            version="1",
        ),
        Spec(
            "annealed-dirichlet",
            "mobench_samplers.annealed:AnnealedDirichlet",
            "Dirichlet distribution whose concentration falls during training",
            f"{_PALORA} (code of the authors)",
            version="1",
        ),
    ]
