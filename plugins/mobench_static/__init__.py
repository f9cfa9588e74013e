"""Static hypernetworks: convolution kernels generated from a small embedding of each layer."""

from pathlib import Path

from mobench.plugins import Pair, Spec, SuiteFile, hookimpl

_SOURCE = "arXiv 1609.09106, section 3.1"


@hookimpl
def mobench_generators() -> list[Spec]:
    return [
        Spec(
            "static",
            "mobench_static.kernels:StaticKernels",
            summary="a two-layer network generates all convolution kernels from layer embeddings",
            source=_SOURCE,
            version="1",
        )
    ]


@hookimpl
def mobench_solvers() -> list[Pair]:
    return [
        Pair(
            "static",
            generator="static",
            balancer="linear",
            summary="static hypernetwork trained on the one objective",
            source=_SOURCE,
            version="1",
        ),
        Pair(
            "static-cifar",
            generator="static",
            balancer="linear",
            summary="static hypernetwork with the paper's sizes for wide residual networks",
            source="arXiv 1609.09106, section 4.2",
            defaults={"generator.kernel": 3, "generator.embedding": 64, "generator.hidden": 64},
            version="1",
        ),
    ]


@hookimpl
def mobench_suites() -> list[SuiteFile]:
    folder = Path(__file__).parent
    return [
        SuiteFile(
            "compression-cifar",
            folder / "compression-cifar.toml",
            "the same for WRN-40-2 on CIFAR-10, with the paper's schedule",
        ),
        SuiteFile(
            "compression",
            folder / "compression.toml",
            "test error against stored parameters: plain and static nets on MNIST",
        ),
    ]
