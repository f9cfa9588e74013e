"""Hyper-Trans: a hypernetwork whose trunk is an attention block over the entries of the preference."""

from mobench.plugins import Pair, SolverPreset, Spec, hookimpl

_SOURCE = "arXiv 2402.05955"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "hyper-trans",
            "mobench_hyper_trans.hyper_trans:HyperTrans",
            "attention over the entries of the preference, one linear head per target tensor",
            f"{_SOURCE}; code of the authors",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "hyper-trans",
            "hyper-trans",
            "linear",
            "transformer hypernetwork trained on the weighted sum",
            _SOURCE,
            defaults={"solver.alpha": 0.2},
            version="1",
            presets=(
                SolverPreset(
                    "paper",
                    {
                        "budget.epochs": 150,
                        "budget.batch_size": 256,
                        "solver.lr": 1e-4,
                        "solver.alpha": 0.2,
                        "generator.features": 256,
                    },
                    "CPFL_MTL/params/mnist.json of github.com/tuantran23012000/CPFL_Hyper_Transformer",
                ),
            ),
        )
    ]
