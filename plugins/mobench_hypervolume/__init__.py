"""The hypervolume gradient over several preferences, and the multi-sample hypernetwork PHN-HVI."""

from mobench.plugins import Pair, Spec, hookimpl


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "hypervolume",
            "mobench_hypervolume.hypervolume:Hypervolume",
            "the gradient of the hypervolume of all preferences' losses together",
            "arXiv 2102.04523; arXiv 2212.01130",
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "phn-hvi",
            "phn",
            "hypervolume",
            "Pareto hypernetwork trained to maximise hypervolume",
            "arXiv 2212.01130",
            defaults={"solver.n_preferences": 8, "solver.alpha": 0.2},
            version="1",
        )
    ]
