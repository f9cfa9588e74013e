"""Hypernetworks conditioned on a task, noise, dropout or the data, in addition to the preference."""

from pathlib import Path

from mobench.plugins import Pair, Spec, SuiteFile, hookimpl

_REVIEW = "arXiv 2306.06955, section 3"
_SMALL = {"hidden": (16,), "features": 8}


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "task",
            "mobench_roles.task:TaskConditioned",
            "weights of their own for every task, from one network: soft sharing",
            _REVIEW,
            version="1",
            small=_SMALL,
        ),
        Spec(
            "noise",
            "mobench_roles.noise:NoiseConditioned",
            "weights from noise: a distribution of networks, averaged in prediction",
            f"{_REVIEW}; arXiv 1710.04759",
            version="1",
            small={**_SMALL, "samples": 3},
        ),
        Spec(
            "dropout",
            "mobench_roles.noise:NoiseConditioned",
            "dropout inside the hypernetwork, in prediction too",
            f"{_REVIEW}; arXiv 1506.02142",
            defaults={"kind": "dropout"},
            version="1",
            small={**_SMALL, "samples": 3},
        ),
    ]


@hookimpl
def mobench_models() -> list[Spec]:
    return [
        Spec(
            "data-cnn",
            "mobench_roles.data:DataConditionedCnn",
            "mnist-cnn whose second kernel is made from each picture",
            f"{_REVIEW}; arXiv 1904.04971",
            version="1",
            small={"channels": 4, "kernels": 2},
        )
    ]


@hookimpl
def mobench_datasets() -> list[Spec]:
    return [
        Spec(
            "mnist-unknown",
            "mobench_roles.unknown:MnistAndGarments",
            "digits to classify, with garments among them as unknown inputs",
            "digits against garments as in arXiv 1812.04606, section 4",
            version="1",
            small={"source": "embedded", "limit": 40},
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair | Spec]:
    return [
        *_pairs(),
        Spec(
            "ensemble",
            "mobench_roles.ensemble:DeepEnsemble",
            "several networks per ray, averaged in prediction",
            "Lakshminarayanan, Pritzel & Blundell 2017, arXiv 1612.01474",
            version="1",
            small={"members": 2},
        ),
    ]


def _pairs() -> list[Pair]:
    return [
        Pair(f"{name}-ls", name, "linear", f"{summary}, trained on the weighted sum", _REVIEW, version="1")
        for name, summary in {
            "task": "a network of weights for every task",
            "noise": "a network of weights from noise",
            "dropout": "a hypernetwork with dropout inside",
        }.items()
    ]


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    folder = Path(__file__).parent
    return [
        SuiteFile(
            "roles",
            folder / "roles.toml",
            "hypernetworks conditioned on tasks, noise and data, each against its plain twin",
        )
    ]
