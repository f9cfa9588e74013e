"""Pareto low-rank adapters: one network, and for each objective an update of low rank for every weight matrix."""

from mobench.plugins import Pair, SolverPreset, Spec, hookimpl

_SOURCE = "arXiv 2407.08056"
_STARTS_AT_ZERO = "the updates start at zero, as in the paper; the first step changes this"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "palora",
            "mobench_palora.palora:PaLoRA",
            "one network plus a low-rank update per objective, weighted by the preference",
            f"{_SOURCE}, section 3",
            version="1",
            declines={"moves_with_the_preference": _STARTS_AT_ZERO, "is_reached_by_gradients": _STARTS_AT_ZERO},
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "palora",
            "palora",
            "linear",
            "low-rank adapters weighted by the preference, preferences from the centre to the boundary",
            _SOURCE,
            defaults={"solver.sampler": "annealed", "solver.n_preferences": 6},
            version="1",
            presets=(
                SolverPreset(
                    "paper",
                    {"budget.epochs": 10, "budget.batch_size": 256, "solver.lr": 1e-3, "generator.rank": 1},
                    "configs/experiment/multimnist of the authors' code, github.com/nik-dim/palora",
                ),
                SolverPreset(
                    "paper-three",
                    {
                        "budget.epochs": 20,
                        "budget.batch_size": 256,
                        "solver.lr": 1e-3,
                        "solver.sampler": "annealed-dirichlet",
                        "solver.n_preferences": 1,
                        "generator.rank": 1,
                    },
                    "configs/experiment/multimnist3 of the authors' code, github.com/nik-dim/palora",
                ),
            ),
        )
    ]
