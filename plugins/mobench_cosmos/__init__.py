"""COSMOS: a network with the preference as additional input, and its loss with a cosine term."""

from mobench.plugins import Pair, SolverPreset, Spec, hookimpl

_SOURCE = "arXiv 2103.13392"
_SETTINGS = "multi_objective/settings.py of the authors' code, github.com/ruchtem/cosmos"
_IMAGES = {
    "budget.epochs": 100,
    "budget.batch_size": 256,
    "solver.lr": 1e-3,
    "solver.milestones": [0.2, 0.4, 0.8, 0.9],
    "solver.gamma": 0.1,
    "solver.alpha": 1.2,
}
_FAIRNESS = {
    "budget.epochs": 50,
    "budget.batch_size": 256,
    "solver.lr": 1e-3,
    "solver.alpha": 0.5,
    "balancer.penalty": 0.01,
    "balancer.align": "ray",
}


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "input",
            "mobench_cosmos.conditioned:Input",
            "the preference as further inputs of the target",
            _SOURCE,
            version="2",
        )
    ]


@hookimpl
def mobench_balancers() -> list[Spec]:
    return [
        Spec(
            "cosmos", "mobench_cosmos.cosmos:Cosmos", "the preference, and a pull towards its ray", _SOURCE, version="1"
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "cosmos",
            "input",
            "cosmos",
            "one network that reads the preference, trained on the weighted sum and a cosine",
            _SOURCE,
            defaults={"solver.alpha": 1.2},
            version="1",
            presets=(
                SolverPreset("paper", {**_IMAGES, "balancer.penalty": 2.0}, f"{_SETTINGS}: Multi-MNIST, Multi-Fashion"),
                SolverPreset("paper-mixed", {**_IMAGES, "balancer.penalty": 8.0}, f"{_SETTINGS}: Multi-Fashion+MNIST"),
                SolverPreset("paper-fairness", _FAIRNESS, f"{_SETTINGS}: Adult, Compas"),
            ),
        )
    ]
