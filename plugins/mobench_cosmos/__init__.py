"""COSMOS: a network with the preference as additional input, and its loss with a cosine term."""

from mobench.plugins import Pair, Spec, hookimpl

_SOURCE = "arXiv 2103.13392"


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
        )
    ]
