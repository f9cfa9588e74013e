"""Pareto hypernetworks: one network that generates the target weights for every preference."""

from mobench.plugins import Pair, SolverPreset, Spec, hookimpl

PAPER = SolverPreset(
    "paper",
    {"budget.epochs": 150, "budget.batch_size": 256, "solver.lr": 1e-4, "solver.alpha": 0.2},
    "experiments/multimnist/trainer.py of the authors' code, github.com/AvivNavon/pareto-hypernetworks",
)


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "phn",
            "mobench_phn.phn:PHN",
            summary="MLP hypernetwork, one linear head per target tensor",
            source="arXiv 2010.04104, section 3",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "phn-ls",
            generator="phn",
            balancer="linear",
            summary="Pareto hypernetwork trained on the weighted sum",
            source="arXiv 2010.04104, algorithm 1",
            defaults={"solver.alpha": 0.2},
            version="1",
            presets=(PAPER,),
        )
    ]
